import type { Fields } from "../../rest/fields.ts";
import type { Collection, Store } from "../../state/store.ts";
import type { Authority, SslCert } from "./authority.ts";
import { type Instance, stamped } from "./instance.ts";
import type { Instances } from "./instances.ts";
import { invalid } from "./invalid.ts";
import type { Operation, Operations } from "./operations.ts";

/** The certificates of an instance's authority that are not in use. */
interface Others {
  /** Added, and never in use. */
  readonly next?: SslCert;
  /** Was in use before. */
  readonly previous?: SslCert;
}

/**
 * The certificates by which clients check an instance, and their rotation: https://cloud.google.com/sql/docs/postgres/manage-ssl-instance
 * The one in use is in the instance itself.
 */
export class ServerCas {
  private readonly others: Collection<Others>;
  private readonly instances: Instances;
  private readonly operations: Operations;
  private readonly authority: Authority;

  constructor(store: Store, instances: Instances, operations: Operations, authority: Authority) {
    this.others = store.collection("cloudsql-server-cas");
    this.instances = instances;
    this.operations = operations;
    this.authority = authority;
    instances.onDelete((instance) => {
      this.others.delete(keyOf(instance));
    });
  }

  /** The certificates of an instance, and which is in use. @throws GoogleError NOT_FOUND. */
  list(project: string, name: string): Fields {
    const instance = this.instances.get(project, name);
    const { serverCaCert: active } = instance;
    const { next, previous } = this.othersOf(instance);
    const certs = [previous, active, next].filter((cert) => cert !== undefined);
    return {
      kind: "sql#instancesListServerCas",
      ...(active && { certs, activeVersion: active.sha1Fingerprint }),
    };
  }

  /** Makes a certificate for the next rotation, in place of one that waits for it. @throws GoogleError as `Instances.requireRunning`. */
  add(project: string, name: string, caller: string): Operation {
    const instance = this.instances.requireRunning(project, name);
    return this.operations.begin(this.instances.target("UPDATE", instance, caller), async () => {
      const next = await this.authority.certificate(name);
      this.others.put(keyOf(instance), { ...this.othersOf(instance), next });
    });
  }

  /**
   * Lets an instance use another of its certificates.
   * @param body May name it; by default it is the one that was added.
   * @throws GoogleError as `Instances.requireRunning`; INVALID_ARGUMENT if there is none such.
   */
  rotate(project: string, name: string, body: unknown, caller: string): Operation {
    const instance = this.instances.requireRunning(project, name);
    const { serverCaCert: active } = instance;
    const { next, previous } = this.othersOf(instance);
    const { nextVersion } = ((body as Fields).rotateServerCaContext ?? {}) as { nextVersion?: string | null };
    const wanted = nextVersion ? [next, previous].find((cert) => cert?.sha1Fingerprint === nextVersion) : next;
    if (!wanted)
      throw invalid(`there is no server CA certificate to rotate to${nextVersion ? `: ${nextVersion}` : ""}`);
    return this.operations.begin(this.instances.target("UPDATE", instance, caller), () => {
      this.instances.keep(stamped({ ...this.instances.get(project, name), serverCaCert: wanted }));
      this.others.put(keyOf(instance), {
        ...(next && next !== wanted && { next }),
        ...(active && { previous: active }),
      });
      return Promise.resolve();
    });
  }

  private othersOf(instance: Instance): Others {
    return this.others.get(keyOf(instance)) ?? {};
  }
}

function keyOf({ name, project }: Instance): string {
  return `${project}/${name}`;
}
