import type { Check, Judgement } from "./check.ts";
import type { Facts } from "./facts.ts";
import { NotVisible } from "../google/reader.ts";

/** A check with its result. */
export interface Row {
  readonly check: string;
  readonly title: string;
  /** `consequence` is a finding that another one explains; `unseen` could not be checked. */
  readonly verdict: "finding" | "consequence" | "unseen" | "ok";
  readonly found: string;
  /** A command to paste. */
  readonly fix?: string;
  /** Titles of the findings that explain a consequence. */
  readonly because?: readonly string[];
  /** The role that the caller lacks to check it. */
  readonly role?: string;
}

const ORDER = ["finding", "consequence", "unseen", "ok"] as const;

/**
 * Runs all checks concurrently.
 * @param checks The more likely root cause first.
 * @returns Findings first, the most likely root cause at the top, then consequences, what was not checked, and the rest.
 * @throws CannotInspect without valid credentials.
 */
export async function diagnose(checks: readonly Check[], facts: Facts): Promise<Row[]> {
  const answers = await Promise.all(checks.map((check) => answer(check, facts)));
  const found = new Map(checks.map((check, index) => [check.id, { check, answer: answers[index] }]));
  const isFinding = (id: string) => found.get(id)?.answer?.verdict === "finding";
  const rows = checks.map(({ id, title, causes }, index): Row => {
    const answer = answers[index] ?? { verdict: "unseen", found: "" };
    const because = causes.filter(isFinding).map((cause) => found.get(cause)?.check.title ?? cause);
    return answer.verdict === "finding" && because.length > 0
      ? { ...answer, check: id, title, verdict: "consequence", because }
      : { ...answer, check: id, title };
  });
  const seen = hiddenProject(rows) ? rows.filter(({ verdict }) => verdict === "unseen") : rows;
  return ORDER.flatMap((verdict) => seen.filter((row) => row.verdict === verdict));
}

/** The project's row, if neither it nor its parts are visible: then Google answers that all parts do not exist. */
function hiddenProject(rows: readonly Row[]): Row | undefined {
  const parts = rows.filter(({ check }) => ESSENTIAL.includes(check));
  if (parts.some(({ verdict }) => verdict === "ok")) return undefined;
  return rows.find(({ check, verdict }) => check === "project" && verdict === "unseen");
}

type Answer = Judgement | { readonly verdict: "unseen"; readonly found: string; readonly role?: string };

async function answer(check: Check, facts: Facts): Promise<Answer> {
  try {
    const judgement = await check.look(facts);
    return judgement.verdict === "ok" ? judgement : { ...judgement, fix: facts.pasted(judgement.fix) };
  } catch (error) {
    if (!(error instanceof NotVisible)) throw error;
    return { verdict: "unseen", found: error.message, ...(error.role !== undefined && { role: error.role }) };
  }
}

/** Without these checks, the absence of findings means nothing. */
const ESSENTIAL = ["instance", "service"];

/** An essential check that could not be run. */
export function blindSpot(rows: readonly Row[]): Row | undefined {
  return hiddenProject(rows) ?? rows.find(({ check, verdict }) => verdict === "unseen" && ESSENTIAL.includes(check));
}

/** 1 with a finding, 3 if the instance or the service could not be checked, else 0. */
export function exitCode(rows: readonly Row[]): 0 | 1 | 3 {
  if (rows.some(({ verdict }) => verdict === "finding")) return 1;
  return blindSpot(rows) ? 3 : 0;
}
