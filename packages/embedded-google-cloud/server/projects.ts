import { createHash } from "node:crypto";
import { GoogleError } from "../rest/errors.ts";

/** The projects that exist in the embedded cloud, by id and by number. */
export class Projects {
  private readonly idByNumber: ReadonlyMap<string, string>;
  private readonly numberById: ReadonlyMap<string, string>;
  readonly ids: readonly string[];

  /** @param ids Project ids; the numbers are derived from them. */
  constructor(ids: readonly string[]) {
    this.ids = ids;
    this.numberById = new Map(ids.map((id) => [id, projectNumber(id)]));
    this.idByNumber = new Map([...this.numberById].map(([id, number]) => [number, id]));
  }

  /**
   * The project's id.
   * @throws GoogleError PERMISSION_DENIED if the project does not exist, as on Google.
   */
  id(idOrNumber: string): string {
    const id = this.idByNumber.get(idOrNumber) ?? idOrNumber;
    if (!this.numberById.has(id)) throw denied(idOrNumber);
    return id;
  }

  /** The project's number; throws like {@link id}. */
  number(idOrNumber: string): string {
    const number = this.numberById.get(this.id(idOrNumber));
    if (number === undefined) throw denied(idOrNumber);
    return number;
  }
}

function denied(idOrNumber: string): GoogleError {
  return new GoogleError(
    "PERMISSION_DENIED",
    `Permission denied on project '${idOrNumber}' (or it may not exist).`,
    "forbidden",
  );
}

/** Twelve digits, the same on every machine. */
function projectNumber(id: string): string {
  return String(100_000_000_000 + (createHash("sha256").update(id).digest().readUIntBE(0, 6) % 900_000_000_000));
}
