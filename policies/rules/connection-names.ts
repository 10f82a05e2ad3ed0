import { formatConnectionName, parseConnectionName } from "../../infra/connection.ts";
import { policy } from "../engine/policy.ts";
import { instances, realName } from "../model/instances.ts";
import { mentions } from "../model/connection-names.ts";
import { wiring } from "../model/wiring.ts";

export const connectionNameFormat = policy({
  name: "connection-name-format",
  sentence:
    "A Cloud SQL connection name has the form PROJECT:REGION:INSTANCE everywhere: any other form, such as a zone instead of the region, fails only at run time.",
  level: "mandatory",
  severity: "critical",
  reference: "https://cloud.google.com/sql/docs/postgres/connect-run",
  resource: (resource, report) => {
    for (const mention of mentions(resource)) {
      const parsed = parseConnectionName(mention.name);
      if (parsed.ok) continue;
      const problem = mention.doubtful ? "a connection name carries a zone where the region belongs" : parsed.problem;
      report(resource, `${mention.path}: ${problem}.`);
    }
  },
});

export const connectionNameMatchesInstance = policy({
  name: "connection-name-matches-instance",
  sentence: "A connection name that refers to an instance of the stack has that instance's project and region.",
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
            `${path}: connection name "${name}" refers to an instance of this stack, but its connection name is "${formatConnectionName(meant)}"; use the instance's connectionName.`,
          );
        }
      }
    },
  },
});
