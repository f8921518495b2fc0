/** A port of which some calls are others. What a port gets in time goes through without a change here. */
export function withCalls<Port extends object>(inner: Port, others: Partial<Port>): Port {
  return new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(others, name) ?? Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
