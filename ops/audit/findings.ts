import { lastPart } from "../../infra/google.ts";

/** The part of `npm audit --json` that is used. */
export interface AuditReport {
  /** By package. A string in `via` names the package that has the advisory. */
  readonly vulnerabilities: Readonly<Record<string, { readonly via: readonly (Advisory | string)[] }>>;
}

/** One advisory about a package. */
export interface Advisory {
  readonly name: string;
  readonly title: string;
  readonly severity: string;
  /** Such as `https://github.com/advisories/GHSA-xxxx-xxxx-xxxx`. */
  readonly url: string;
}

/** By advisory id: why it does not matter, and the last day, `YYYY-MM-DD`, on which the answer is valid. */
export type Answers = Readonly<Record<string, { readonly reason: string; readonly until: string }>>;

/** A line for each advisory without a valid answer, and for each answer without an advisory. */
export function unanswered({ vulnerabilities }: AuditReport, answers: Answers, today: Date): string[] {
  const advisories = Object.values(vulnerabilities)
    .flatMap(({ via }) => via)
    .filter((each) => typeof each !== "string");
  const byId = new Map(advisories.map((advisory) => [lastPart(advisory.url), advisory]));
  const open = [...byId].flatMap(([id, { name, severity, title, url }]) => {
    const answer = Object.hasOwn(answers, id) ? answers[id] : undefined;
    const line = `  - ${id}, ${severity}, ${name}: ${title} (${url})`;
    if (!answer?.reason) return [line];
    return answer.until < today.toISOString().slice(0, 10) ? [`${line}; the answer expired on ${answer.until}`] : [];
  });
  const unused = Object.keys(answers).filter((id) => !byId.has(id));
  return [...open, ...unused.map((id) => `  - ${id} no longer affects any package: remove the answer`)];
}
