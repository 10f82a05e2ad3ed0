import { formatConnectionName, parseConnectionName } from "../../infra/connection.ts";
import { mentions } from "../model/mentions.ts";
import { policy } from "../engine/policy.ts";
import { ofType, once, type Resource, text } from "../model/resource.ts";
import { INSTANCE, wiring } from "../model/wiring.ts";

export const connectionNameFormat = policy({
  name: "connection-name-format",
  sentence:
    "A Cloud SQL connection name is PROJECT:REGION:INSTANCE wherever it stands: a zone in place of the region, or any other form, fails at run time only.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  resource: (resource, report) => {
    for (const mention of mentions(resource)) {
      const parsed = parseConnectionName(mention.name);
      if (!parsed.ok) report(resource, `${mention.path}: ${parsed.problem}.`);
    }
  },
});

export const connectionNameMatchesInstance = policy({
  name: "connection-name-matches-instance",
  sentence:
    "A connection name that points at an instance of the stack is that instance's own: same project, same region.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/instance-info",
  contradictions: {
    names: wiring,
    find: (resources, report) => {
      const real = new Map(
        instances(resources)
          .flatMap((instance) => realName(instance) ?? [])
          .map((name) => [name.instance, name]),
      );
      for (const resource of resources) {
        for (const { path, name } of mentions(resource)) {
          const parsed = parseConnectionName(name);
          const meant = parsed.ok ? real.get(parsed.value.instance) : undefined;
          if (!parsed.ok || !meant || formatConnectionName(meant) === formatConnectionName(parsed.value)) continue;
          report(
            resource,
            `${path}: connection name "${name}" points at an instance of this stack whose connection name is "${formatConnectionName(meant)}"; take it from the instance's connectionName.`,
          );
        }
      }
    },
  },
});

/** The Cloud SQL instances among resources. */
export function instances(resources: readonly Resource[]): Resource[] {
  return ofType(resources, INSTANCE);
}

/** The connection name an instance has or will have, as far as it is known. */
export const realName = once(({ props, provider }: Resource) => {
  const told = parseConnectionName(text(props.connectionName) ?? "");
  if (told.ok) return told.value;
  const [project, region, instance] = [props.project ?? provider.project, props.region ?? provider.region, props.name];
  if (typeof project !== "string" || typeof region !== "string" || typeof instance !== "string") return undefined;
  const made = parseConnectionName(`${project}:${region}:${instance}`);
  return made.ok ? made.value : undefined;
});
