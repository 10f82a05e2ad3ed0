import { type Check, finding, ok } from "../check.ts";
import { type Facts, numberOf, orNothing, type Version } from "../facts.ts";

export const destruction: Check = {
  id: "destruction",
  title: "Planned destruction",
  causes: ["apis"],
  look: async (facts) => {
    const { passwordSecret, secret } = facts.target;
    const pin = await facts.pin().catch(orNothing);
    const doomed = [
      ...(await used(facts, pin?.secret ?? secret, pin?.version ?? "latest", "the service reads")),
      ...(await used(facts, passwordSecret, "latest", "holds the password")),
    ];
    if (doomed.length === 0) return ok("no version in use will be destroyed");
    return finding(doomed.map(({ found }) => found).join("; "), doomed.map(({ fix }) => fix).join(" && "));
  },
};

/** A version in use that is to be destroyed; enabling it cancels that. @param why It is in use. */
async function used(facts: Facts, id: string, version: string, why: string) {
  const versions = (await facts.versions(id)) ?? [];
  const one = version === "latest" ? versions[0] : versions.find((each: Version) => String(numberOf(each)) === version);
  if (one?.scheduledDestroyTime === undefined) return [];
  const number = String(numberOf(one));
  return [
    {
      found: `version ${number} of ${id} (${why}) is disabled, and will be destroyed on ${one.scheduledDestroyTime}`,
      fix: facts.gcloud("secrets", "versions", "enable", number, `--secret=${id}`),
    },
  ];
}
