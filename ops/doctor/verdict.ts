import { blindSpot, type Row } from "./diagnosis.ts";

/**
 * One sentence: the most likely cause and what users get, that the result is inconclusive, or that there is no fault, which takes
 * that everything was looked at.
 */
export function summary(rows: readonly Row[]): string {
  const [first] = rows;
  const blind = blindSpot(rows);
  if (first?.verdict === "finding") return `Most likely cause: ${first.title}: ${first.found}${users(first, rows)}`;
  if (blind) return `Inconclusive: ${blind.title}: ${sentence(blind)}`;
  const unseen = rows.filter(({ verdict }) => verdict === "unseen").length;
  if (unseen === 0) return "No fault found, and the service answers.";
  const answer = rows.find(({ check }) => check === "answer");
  const called = answer?.verdict === "ok" ? "The service answers" : "Whether the service answers was not looked at";
  return `${called}; ${rows.length - unseen} of ${rows.length} checks find nothing, ${unseen} could not be run.`;
}

/** What users get, after the cause; empty if the cause says it, or nobody looked. */
function users(cause: Row, rows: readonly Row[]): string {
  const rest = rows.filter(({ check }) => check !== cause.check && ["answer", "errors"].includes(check));
  const failing = rest.find(({ verdict }) => ["finding", "consequence"].includes(verdict));
  if (failing) return `. Users get errors: ${failing.found}`;
  return rest.some(({ check, verdict }) => check === "answer" && verdict === "ok") ? ". The service answers" : "";
}

/** What was not looked at, and how to have it looked at; undefined if everything was. */
export function notLookedAt(rows: readonly Row[]): string | undefined {
  const unseen = rows.filter(({ verdict }) => verdict === "unseen");
  const reasons = [...new Set(unseen.map(sentence))];
  const parts = reasons.map((reason) => {
    const titles = unseen.filter((row) => sentence(row) === reason).map(({ title }) => title);
    return `${titles.join(", ")}: ${reason}`;
  });
  return parts.length === 0 ? undefined : `Not looked at: ${parts.join("; ")}.`;
}

/** A row's finding, with what explains it or the role that the caller lacks. */
export function sentence({ because, found: text, role }: Row): string {
  const found = text.replace(/\.$/, ""); // Google's own sentences end with one
  if (because) return `${found} (follows from: ${because.join(", ")})`;
  return role === undefined ? found : `${found} (needs ${role})`;
}
