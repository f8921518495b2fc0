/** `cluster_by` of tables: only where the destination clusters. */

/** What a configuration says of it, whatever its connectors. */
export interface ClusterKeys {
  readonly sources: Readonly<
    Record<string, { readonly tables?: readonly { readonly cluster_by?: readonly string[] | undefined }[] }>
  >
}

/** `destination`: its type. `clustering`: the types that cluster. */
export function clusterProblems(
  { sources }: ClusterKeys,
  destination: string,
  clustering: readonly string[],
): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  if (clustering.includes(destination)) return []
  const message = `must be left out: ${destination} does not cluster tables`
  return Object.entries(sources).flatMap(([name, { tables = [] }]) =>
    tables.flatMap((table, index) =>
      table.cluster_by === undefined ? [] : [{ path: ['sources', name, 'tables', index, 'cluster_by'], message }],
    ),
  )
}
