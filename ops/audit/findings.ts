import { lastPart } from "../../infra/google.ts";

/** What `npm audit --json` prints, as far as it is read. */
export interface AuditReport {
  /** By package. A text in `via` names another package, whose own advisory it is. */
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

/** Why an advisory does not matter, and the last day, `YYYY-MM-DD`, on which that counts; by the advisory's id. */
export type Answers = Readonly<Record<string, { readonly reason: string; readonly until: string }>>;

/**
 * The advisories that nobody has answered, and the answers that have ended or that no advisory needs, a line each.
 * @param today What the last days are compared with.
 */
export function unanswered({ vulnerabilities }: AuditReport, answers: Answers, today: Date): string[] {
  const advisories = Object.values(vulnerabilities)
    .flatMap(({ via }) => via)
    .filter((each) => typeof each !== "string");
  const byId = new Map(advisories.map((advisory) => [lastPart(advisory.url), advisory]));
  const open = [...byId].flatMap(([id, { name, severity, title, url }]) => {
    const answer = Object.hasOwn(answers, id) ? answers[id] : undefined;
    const line = `  - ${id}, ${severity}, ${name}: ${title} (${url})`;
    if (!answer?.reason) return [line];
    return answer.until < today.toISOString().slice(0, 10) ? [`${line}; the answer ended on ${answer.until}`] : [];
  });
  const idle = Object.keys(answers).filter((id) => !byId.has(id));
  return [...open, ...idle.map((id) => `  - ${id} is answered, and no package has it any more: remove the answer`)];
}
