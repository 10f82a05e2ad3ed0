import type { Health, Schema } from "../data.ts";
import { Card, Empty, Problem, Status, Time } from "./elements.tsx";
import { useTopic } from "./connection.ts";

const HEALTH: Readonly<Record<string, Health>> = {
  applied: "ok",
  squashed: "ok",
  pending: "warning",
  "apply again": "warning",
};

function Versions({ schema }: { readonly schema: Schema }) {
  return (
    <Card title="Versions">
      <ol class="versions">
        {schema.versions.toReversed().map(({ at, backup, file, sql, status, version }) => (
          <li key={file}>
            <details>
              <summary>
                <span class="name">{version === "" ? file : version}</span>
                <span class="file">
                  {file
                    .replace(/^\d+_/, "")
                    .replace(/\.sql$/, "")
                    .replaceAll("_", " ")}
                </span>
                <Status health={HEALTH[status] ?? "error"}>{status}</Status>
              </summary>
              <p class="muted">
                {at === undefined ? (
                  "Not applied yet."
                ) : (
                  <>
                    Applied at <Time at={at} />, after backup {backup ?? "unknown"}.
                  </>
                )}
              </p>
              <pre class="body" tabIndex={0} aria-label={`SQL of ${file}`}>
                {sql}
              </pre>
            </details>
          </li>
        ))}
      </ol>
    </Card>
  );
}

/** The schema's versions, backups and tables. */
export function SchemaPage() {
  const schema = useTopic("schema");
  if (!schema) return <Empty>Reading the schema …</Empty>;
  return (
    <div class="grid">
      <Versions schema={schema} />
      <div class="stack">
        <Card title="Tables">
          <Problem text={schema.problem ?? ""} />
          {schema.problem === undefined && (
            <table>
              <thead>
                <tr>
                  <th scope="col">Table</th>
                  <th scope="col" class="number">
                    Rows
                  </th>
                </tr>
              </thead>
              <tbody>
                {schema.tables.map(({ name, rows }) => (
                  <tr key={name}>
                    <td class="path">{name}</td>
                    <td class="number">{rows}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {schema.problem === undefined && schema.tables.length === 0 && <Empty>The database has no table.</Empty>}
        </Card>
        <Card title="Backups">
          {schema.backups.length === 0 ? (
            <Empty>No backup yet.</Empty>
          ) : (
            <ul class="plain">
              {schema.backups.map(({ at, description, id, status }) => (
                <li key={id}>
                  <Status health={status === "successful" ? "ok" : "warning"}>{status}</Status> <Time at={at} />{" "}
                  <span class="name">{id}</span>
                  <p class="muted">{description === "" ? "automatic" : description}</p>
                </li>
              ))}
            </ul>
          )}
        </Card>
      </div>
    </div>
  );
}
