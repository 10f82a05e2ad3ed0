import { createHash } from "node:crypto";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { without } from "../../rest/fields.ts";
import { fullName, type Resource } from "../../iam/access.ts";
import type { Policies } from "../../iam/policies.ts";
import type { AccountDirectory } from "../../iam/requests.ts";
import type { Projects } from "../../server/projects.ts";
import type { Collection, Store } from "../../state/store.ts";

/** A service account, as IAM returns it. */
export interface ServiceAccount {
  name: string;
  projectId: string;
  /** Never reused, not even for an account with the same email. */
  uniqueId: string;
  email: string;
  etag: string;
  oauth2ClientId: string;
  displayName?: string;
  description?: string;
  disabled?: boolean;
}

/** The fields that a client may set. */
export const SETTABLE = ["displayName", "description"] as const;
export type Settable = Partial<Pick<ServiceAccount, (typeof SETTABLE)[number]>>;

/** The service accounts of all projects. */
export class ServiceAccounts implements AccountDirectory {
  private readonly accounts: Collection<ServiceAccount>;
  private readonly projects: Projects;
  private readonly policies: Policies;

  constructor(store: Store, projects: Projects, policies: Policies) {
    this.projects = projects;
    this.policies = policies;
    this.accounts = store.collection("service-accounts");
  }

  /** Whether a service account has this email, enabled or not. */
  exists(email: string): boolean {
    return this.accounts.get(email) !== undefined;
  }

  isMissing(email: string): boolean {
    const project = /@(.+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1];
    return project !== undefined && this.projects.ids.includes(project) && !this.exists(email);
  }

  /**
   * @param id Email or unique id.
   * @throws GoogleError NOT_FOUND.
   */
  get(id: string): ServiceAccount {
    const found = this.accounts.get(id) ?? this.accounts.values().find((account) => account.uniqueId === id);
    if (!found) throw new GoogleError("NOT_FOUND", "Unknown service account", "notFound");
    return found;
  }

  /** A project's accounts, by email. */
  list(project: string): ServiceAccount[] {
    return this.accounts.values().filter((account) => account.projectId === project);
  }

  /** @throws GoogleError INVALID_ARGUMENT for an id that Google refuses; ALREADY_EXISTS. */
  create(project: string, accountId: unknown, fields: Settable): ServiceAccount {
    // https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/create: 6 to 30 characters.
    if (typeof accountId !== "string" || !/^[a-z][-a-z0-9]{4,28}[a-z0-9]$/.test(accountId)) {
      throw new GoogleError(
        "INVALID_ARGUMENT",
        `Invalid service account id "${String(accountId)}": it has 6 to 30 lower case letters, digits and hyphens.`,
        "badRequest",
      );
    }
    const email = `${accountId}@${project}.iam.gserviceaccount.com`;
    const name = `projects/${project}/serviceAccounts/${email}`;
    if (this.exists(email)) {
      throw new GoogleError(
        "ALREADY_EXISTS",
        `Service account ${accountId} already exists within project projects/${project}.`,
        "alreadyExists",
      );
    }
    const uniqueId = digits(`${email} ${Date.now()}`);
    return this.replace({ ...fields, name, projectId: project, uniqueId, email, etag: "", oauth2ClientId: uniqueId });
  }

  /** Stores a changed account. */
  replace(account: ServiceAccount): ServiceAccount {
    return this.accounts.put(account.email, { ...account, etag: etagOf({ ...account, etag: "" }) });
  }

  /** A disabled account gets no tokens. */
  setDisabled(account: ServiceAccount, disabled: boolean): void {
    const rest = without(account, "disabled");
    this.replace(disabled ? { ...rest, disabled } : rest);
  }

  /** Deletes an account. Policies keep it as a deleted member, which a new account of the same email does not match. */
  delete({ email, uniqueId }: ServiceAccount): void {
    const resource = this.resource(email);
    this.policies.renameMember(`serviceAccount:${email}`, `deleted:serviceAccount:${email}?uid=${uniqueId}`);
    this.policies.delete(fullName(resource));
    this.accounts.delete(email);
  }

  /**
   * The account as a resource, on which permissions such as `iam.serviceAccounts.actAs` are granted.
   * @param id Email or unique id.
   * @throws GoogleError NOT_FOUND.
   */
  resource(id: string): Resource {
    const { projectId, uniqueId } = this.get(id);
    return {
      project: projectId,
      service: "iam.googleapis.com",
      type: "iam.googleapis.com/ServiceAccount",
      name: `projects/${projectId}/serviceAccounts/${uniqueId}`,
    };
  }
}

/** Twenty-one digits, like Google's unique ids. */
function digits(seed: string): string {
  const hash = BigInt(`0x${createHash("sha256").update(seed).digest("hex")}`);
  return `1${(hash % 10n ** 20n).toString().padStart(20, "0")}`;
}
