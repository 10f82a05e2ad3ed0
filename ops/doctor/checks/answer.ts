import { describeFailure } from "../answer.ts";
import { type Check, finding, ok } from "../check.ts";
import { CREDENTIAL, PARTS } from "./causes.ts";
import { type Facts, logins, orHidden } from "../facts.ts";
import { tablesOf } from "../login.ts";
import { NotVisible } from "../../google/reader.ts";

/** What may make requests fail. */
const CAUSES = [
  ...PARTS,
  "ingress",
  "scaling",
  ...CREDENTIAL,
  "migration",
  "tables",
  "privileges",
  "schema-version",
  "schema-drift",
  "revision",
  "traffic",
];

export const answer: Check = {
  id: "answer",
  title: "Service answers",
  causes: CAUSES,
  look: async (facts) => {
    const failure = await facts.called();
    if (!failure) return ok("GET /health succeeds, and a settlement command, which was rolled back");
    const { request, status } = failure;
    if (request === "POST /smoke-test" && status === 404) {
      throw new NotVisible("GET /health succeeds; no command was sent, because the service has no POST /smoke-test");
    }
    return finding(describeFailure(failure, knownNames(facts)), errorsOf(facts));
  },
};

export const errors: Check = {
  id: "errors",
  title: "Last errors",
  causes: [...CAUSES, "answer"],
  look: async (facts) => {
    const { failed, failures, minutes, requests } = await facts.logged();
    const count = `${failed} of ${requests} requests failed in the last ${minutes} minutes`;
    const works = (await facts.called().catch(orHidden)) === undefined;
    if (failures.length === 0 || works) return ok(works && failed > 0 ? `${count}; now it answers` : count);
    const list = failures.map((failure) => describeFailure(failure, knownNames(facts))).join("; ");
    return finding(`${count}; the last ${list}`, errorsOf(facts));
  },
};

/** Names that an error may show: none of them is a secret. */
function knownNames({ migrations, target }: Facts): string[] {
  return [...logins(target.user), target.database, "postgres", ...tablesOf(migrations)];
}

function errorsOf(facts: Facts): string {
  const filter = `resource.labels.service_name="${facts.target.service}" AND severity>=ERROR`;
  return facts.gcloud("logging", "read", filter, "--limit=20");
}
