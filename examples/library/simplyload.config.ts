import { defineConfig } from 'simplyload'

// The command line reads this file too: npx simplyload doctor
export default defineConfig({
  version: 1,
  sources: {
    shop: {
      type: 'postgres',
      url: '${SHOP_DATABASE_URL}', // from the environment, or a file .env beside this one
      tables: [
        'public.orders',
        {
          name: 'public.customers',
          exclude: ['phone'],
          transform: './transforms/customers.ts',
          target: 'crm.customers',
        },
      ],
    },
  },
  destination: { type: 'duckdb', path: 'warehouse.duckdb' },
  sync: { interval: '1s' },
})
