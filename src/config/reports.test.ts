import { expect, it } from 'vitest'
import { reports } from './reports.ts'

const letter = { from: 'data@example.com', to: ['chief@example.com'] }

it('nothing is sent by default', () => {
  expect(reports.parse(undefined)).toEqual({ email: undefined })
})

it('a server is named by its parts, and its port follows from how TLS begins', () => {
  const parsed = (smtp: object) => reports.parse({ ...letter, smtp }).email?.smtp
  expect(parsed({ host: 'mail.example.com' })).toMatchObject({ port: 587, tls: 'starttls', user: undefined })
  expect(parsed({ host: 'mail.example.com', tls: 'implicit' })).toMatchObject({ port: 465 })
  expect(parsed({ host: 'relay', tls: 'none' })).toMatchObject({ port: 25, tls: 'none' })
})

it('a server is named by an address', () => {
  const parsed = (url: string) => reports.parse({ ...letter, smtp: { url } }).email?.smtp
  expect(parsed('smtp://me:p%40ss@mail.example.com')).toEqual({
    host: 'mail.example.com',
    port: 587,
    tls: 'starttls',
    user: 'me',
    password: 'p@ss',
  })
  expect(parsed('smtps://mail.example.com')).toMatchObject({ port: 465, tls: 'implicit', user: undefined })
  expect(parsed('smtp://[::1]:2525')).toMatchObject({ host: '::1', port: 2525 })
})

it.each([
  ['a password as plain text', { host: 'mail.example.com', user: 'me', password: 'hush-hush', tls: 'none' }],
  ['the same in an address', { url: 'smtp://me:hush-hush@mail.example.com', tls: 'none' }],
  ['an address and a host', { url: 'smtp://mail.example.com', host: 'mail.example.com' }],
  ['neither', { port: 25 }],
  ['a user without password', { host: 'mail.example.com', user: 'me' }],
  ['another kind of address', { url: 'https://me:hush-hush@mail.example.com' }],
  ['a broken escape', { url: 'smtp://me:hush-hush%zz@mail.example.com' }],
])('%s is refused, and the password is not repeated', (_what, smtp) => {
  const { success, error } = reports.safeParse({ ...letter, smtp })
  expect(success).toBe(false)
  expect(JSON.stringify(error?.issues)).not.toContain('hush-hush')
})

it('a server without readers is refused', () => {
  expect(reports.safeParse({ smtp: { host: 'mail.example.com' } }).success).toBe(false)
  expect(reports.safeParse({ to: ['no address'] }).success).toBe(false)
})
