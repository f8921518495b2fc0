/** What `--help` shows at its end: lines that people type, by command. */
import type { Command } from 'commander'

/** Without the program's name; a test parses each. */
export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  init: ['init', 'init --yes --table public.orders public.customers'],
  doctor: ['doctor', 'doctor --source shop'],
  discover: ['discover', 'discover shop --columns', 'discover --yaml'],
  sync: ['sync', 'sync --once', 'sync --once --table public.orders', 'sync --set sync.interval=1s'],
  status: ['status', 'status --table public.orders', 'status --json'],
  backfill: [
    'backfill --table public.orders',
    'backfill --table public.orders --from 1000 --to 2000 --wait',
    'backfill --table public.orders --column created_at --from 2026-01-01',
  ],
  'table pause': ['table pause public.orders'],
  'table resume': ['table resume public.orders'],
  'table resync': ['table resync public.orders --wait'],
  'table merge': ['table merge public.orders --wait --timeout 10m'],
  'table add': ['table add public.invoices public.payments'],
  'checkpoint show': ['checkpoint show public.orders'],
  'checkpoint reset': ['checkpoint reset --table public.orders'],
  verify: ['verify', 'verify --deep --table public.orders'],
  'quarantine list': ['quarantine list'],
  'quarantine show': ['quarantine show --table public.orders --limit 20'],
  'quarantine replay': ['quarantine replay --table public.orders', 'quarantine replay --id 5db1412417ad'],
  query: [
    'query "SELECT count(*) FROM shop_public.orders WHERE NOT _fivetran_deleted"',
    'query --json "FROM shop_public.orders" > orders.jsonl',
  ],
  'snowflake setup': ['snowflake setup', 'snowflake setup --apply --admin-user ALICE'],
  'snowflake local': ['snowflake local --path snowflake-data'],
  cost: ['cost --days 30'],
  'cost estimate': ['cost estimate', 'cost estimate --changes-per-day 50000'],
  'jobs start': ['jobs start -- files load', 'jobs start --memory 2GiB -- sync'],
  'jobs list': ['jobs list --limit 5'],
  'jobs show': ['jobs show sync-1'],
  'jobs follow': ['jobs follow sync-1'],
  'jobs logs': ['jobs logs sync-1'],
  'jobs cancel': ['jobs cancel sync-1 --grace 5m'],
  'jobs retry': ['jobs retry sync-1'],
  'files check': [
    'files check',
    'files check data/sales_2024-03.tsv',
    "files check 'data/*.tsv' --explain",
    'files check incoming/ --suggest',
  ],
  'files load': ['files load', 'files load sales --background', 'files load data/sales_2024-03.tsv --again'],
  'files delete': ['files delete --period 2024-03 --table sales'],
  'files status': ['files status', 'files status sales'],
  'files report': ['files report', 'files report --html report.html --pdf report.pdf --email'],
  'files compare': ['files compare 20261120T194512345Z-3f9a1c latest --html differences.html'],
  demo: ['demo'],
}

/** Says them for every command that has some, at the end of its help; and which help there is, where one is mistyped. */
export function showExamples(command: Command, path = ''): void {
  for (const one of command.commands) {
    const name = `${path} ${one.name()}`.trim()
    const has = one.commands.length > 0 ? 'commands and options' : 'options'
    one.showHelpAfterError(`(simplyload ${name} --help lists its ${has})`)
    const lines = EXAMPLES[name]
    if (lines !== undefined) {
      one.addHelpText('after', ['', 'Examples:', ...lines.map((line) => `  simplyload ${line}`)].join('\n'))
    }
    showExamples(one, name)
  }
}
