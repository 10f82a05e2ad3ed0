import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { GoogleError } from "../../rest/errors.ts";
import { failLate } from "../../server/faults.ts";
import { etagOf } from "../../rest/etag.ts";
import { applyMask, settableFields } from "../../rest/fields.ts";
import { parentOf, projectOf, shortName } from "../../rest/names.ts";
import type { Collection, Store } from "../../state/store.ts";
import { asStartFailure, RPC, StartFailure } from "./failure.ts";
import type { Images } from "./images.ts";
import { type Instances, mostInstances } from "./instances.ts";
import type { Operation, Operations } from "./operations.ts";
import {
  type Condition,
  failed,
  now,
  pending,
  type Revision,
  type RevisionTemplate,
  type Service,
  succeeded,
} from "./resources.ts";
import { type Change, checkEtag, checkName, nextGeneration, only, suffix } from "./change.ts";
import { checkLabels, checkScaling, cpusOf, violation } from "./limits.ts";
import { checkMarks, checkTemplate, withDefaults, withoutZeros } from "./template.ts";
import { ALL_TO_LATEST, checkTraffic, hostOf, reachable, revisionOf } from "./traffic.ts";

/** The fields of a service that a client may set. */
const SETTABLE = [
  ..."annotations binaryAuthorization buildConfig client clientVersion customAudiences defaultUriDisabled".split(" "),
  ..."description iapEnabled ingress invokerIamDisabled labels launchStage multiRegionSettings scaling".split(" "),
  ..."template threatDetectionEnabled traffic".split(" "),
] as (keyof Service)[];

interface StoredService {
  service: Service;
  /** How many revisions it has had; their names contain the count. */
  revisions: number;
}

/** Services, their revisions and their rollouts. */
export class Services {
  private readonly services: Collection<StoredService>;
  private readonly revisions: Collection<Revision>;
  /** The last rollout of each service; rollouts of a service run one after another. */
  private readonly rollouts = new Map<string, Promise<void>>();
  private stopping = false;
  private readonly operations: Operations;
  private readonly instances: Instances;
  private readonly images: Images;

  constructor(store: Store, operations: Operations, instances: Instances, images: Images) {
    this.operations = operations;
    this.images = images;
    this.instances = instances;
    this.services = store.collection("cloudrun-services");
    this.revisions = store.collection("cloudrun-revisions");
  }

  /** Resumes what was in progress when the embedded cloud stopped. */
  resume(): void {
    for (const { operation, kind, target } of this.operations.unfinished()) {
      if (kind === "Revision" || (kind === "Service" && !this.services.get(target))) {
        this.operations.succeed(operation.name, operation.metadata);
      } else if (kind === "Service") this.enqueue(target, operation.name);
    }
  }

  /** Keeps rollouts from treating the end of a stopped process as a failure. */
  stop(): void {
    this.stopping = true;
  }

  exists(name: string): boolean {
    return this.services.get(name) !== undefined;
  }

  /** @throws GoogleError NOT_FOUND, in Google's words. */
  get(name: string): Service {
    const stored = this.services.get(name);
    if (!stored) throw new GoogleError("NOT_FOUND", `service "${name}" not found`);
    return stored.service;
  }

  /** @param prefix `projects/P/locations/L/`, or `projects/P/` for all locations. */
  list(prefix: string): Service[] {
    return this.services.values().flatMap(({ service }) => (service.name.startsWith(prefix) ? [service] : []));
  }

  /** The service with this host, which may contain a tag. */
  byHost(host: string): { service: Service; tag: string | undefined } | undefined {
    const [tag, rest] = host.includes("---") ? host.split("---", 2) : [undefined, host];
    const stored = this.services.values().find(({ service }) => hostOf(service.name) === rest);
    return stored && { service: stored.service, tag };
  }

  /** @throws GoogleError ALREADY_EXISTS; INVALID_ARGUMENT; as `requireAccount`. */
  create(name: string, body: unknown, change: Change): Operation {
    // https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services/create: under 50 characters.
    checkName(name, "service_id", 49);
    if (this.services.get(name))
      throw new GoogleError("ALREADY_EXISTS", `Resource '${shortName(name)}' already exists.`);
    return this.apply(name, withoutZeros(settableFields<Service>(body, SETTABLE, ["etag", "name"])), change, undefined);
  }

  /**
   * @param mask Paths to take from the body; without it, the body replaces all that can be set.
   * @throws GoogleError NOT_FOUND; ABORTED if the body's etag is not the current one; as {@link create}.
   */
  patch(name: string, body: { etag?: string }, mask: string | undefined, change: Change): Operation {
    const current = this.get(name);
    checkEtag(current, body.etag);
    const fields = withoutZeros(settableFields<Service>(body, SETTABLE, ["etag", "name"]));
    const wanted = mask ? applyMask(only(current, SETTABLE), fields, mask, SETTABLE) : fields;
    return this.apply(name, wanted, change, this.services.get(name));
  }

  /** Deletes a service and its revisions, and stops their processes. */
  delete(name: string, etag: string | undefined, validateOnly: boolean): Operation {
    const service = this.get(name);
    checkEtag(service, etag);
    if (validateOnly) return this.operations.validated(parentOf(name), "Service", service);
    const operation = this.operations.begin(parentOf(name), "Service", service);
    this.services.delete(name);
    for (const { name: revision } of this.listRevisions(name)) this.revisions.delete(revision);
    void this.instances
      .end((revision) => revision.startsWith(`${name}/`))
      .then(() => {
        this.operations.succeed(operation.name, service);
      });
    return operation;
  }

  /** @throws GoogleError NOT_FOUND. */
  getRevision(name: string): Revision {
    const revision = this.revisions.get(name);
    if (!revision) throw new GoogleError("NOT_FOUND", `revision "${name}" not found`);
    return revision;
  }

  /** Newest first. */
  listRevisions(service: string): Revision[] {
    return this.revisions
      .values()
      .filter(({ name }) => name.startsWith(`${service}/revisions/`))
      .sort((one, other) => other.createTime.localeCompare(one.createTime));
  }

  /** @throws GoogleError NOT_FOUND; FAILED_PRECONDITION if it is the newest or requests can reach it. */
  deleteRevision(name: string): Operation {
    const revision = this.getRevision(name);
    const service = this.get(name.replace(/\/revisions\/.*/, ""));
    if (reachable(service).has(name) || service.latestCreatedRevision === name) {
      throw new GoogleError(
        "FAILED_PRECONDITION",
        `Revision '${shortName(name)}' cannot be deleted: it is the latest one or receives traffic.`,
      );
    }
    const operation = this.operations.begin(parentOf(name), "Revision", revision);
    this.revisions.delete(name);
    void this.instances
      .end((other) => other === name)
      .then(() => {
        this.operations.succeed(operation.name, revision);
      });
    return operation;
  }

  /** Stores a new generation of the service and starts its rollout. */
  private apply(
    name: string,
    wanted: Partial<Service>,
    change: Change,
    previous: StoredService | undefined,
  ): Operation {
    checkMarks(wanted, "service", previous?.service);
    checkMarks(wanted.template, "service.template");
    const request = `${previous ? "Update" : "Create"}ServiceRequest.service`;
    checkTemplate(wanted.template, "service", `${request}.template`);
    checkScaling(wanted.scaling, `${request}.scaling`);
    checkLabels(wanted.labels, `${request}.labels`);
    const template: RevisionTemplate = {
      // https://cloud.google.com/run/docs/about-concurrency
      maxInstanceRequestConcurrency: cpusOf(wanted.template?.containers[0]?.resources?.limits?.cpu ?? "1") < 1 ? 1 : 80,
      ...withDefaults(wanted.template ?? {}, change.projectNumber, "300s"),
    };
    const traffic = wanted.traffic && wanted.traffic.length > 0 ? wanted.traffic : ALL_TO_LATEST;
    checkTraffic(traffic);
    change.requireAccount(template.serviceAccount);
    change.requireImages(template);

    const { service: before, revisions = 0 } = previous ?? {};
    const next = nextGeneration(name, before, wanted, change.caller);
    const { launchStage = "GA" } = wanted;
    const revision = isDeepStrictEqual(before?.template, template)
      ? undefined
      : this.newRevision(
          name,
          { ...template, launchStage, createTime: next.updateTime, updateTime: next.updateTime },
          revisions + 1,
        );
    const service: Service = {
      ingress: "INGRESS_TRAFFIC_ALL",
      launchStage,
      ...wanted,
      template,
      traffic,
      ...next,
      terminalCondition: pending("Ready"),
      conditions: [pending("RoutesReady"), pending("ConfigurationsReady")],
      trafficStatuses: before?.trafficStatuses ?? [],
      latestCreatedRevision: revision?.name ?? before?.latestCreatedRevision ?? "",
      ...only(before, ["latestReadyRevision"]),
    };
    if (change.validateOnly) return this.operations.validated(parentOf(name), "Service", service);
    if (revision) this.revisions.put(revision.name, revision);
    this.services.put(name, { service, revisions: revisions + (revision ? 1 : 0) });
    const operation = this.operations.begin(parentOf(name), "Service", service);
    this.enqueue(name, operation.name);
    return operation;
  }

  private newRevision(
    service: string,
    { revision: chosen, ...template }: RevisionTemplate & Pick<Revision, "launchStage" | "createTime" | "updateTime">,
    count: number,
  ): Revision {
    const short = chosen ?? `${shortName(service)}-${String(count).padStart(5, "0")}-${suffix(3)}`;
    const name = `${service}/revisions/${short}`;
    if (!short.startsWith(`${shortName(service)}-`)) {
      throw violation("service.template.revision", `Must begin with "${shortName(service)}-".`);
    }
    if (this.revisions.get(name)) {
      throw new GoogleError("ALREADY_EXISTS", `Revision named '${short}' with different configuration already exists.`);
    }
    return {
      ...template,
      name,
      uid: randomUUID(),
      generation: "1",
      service: shortName(service),
      reconciling: true,
      observedGeneration: "0",
      conditions: [pending("Ready")],
      etag: etagOf(name, template.createTime),
    };
  }

  private enqueue(service: string, operation: string): void {
    const before = this.rollouts.get(service) ?? Promise.resolve();
    this.rollouts.set(
      service,
      before.then(() => this.rollOut(service, operation)),
    );
  }

  /** Starts the service's newest revision and, if that succeeds, applies its traffic targets. */
  private async rollOut(name: string, operation: string): Promise<void> {
    const begun = this.services.get(name)?.service;
    const failure = begun && (await this.startNewest(begun));
    if (this.stopping) return; // resumed at the next start
    const stored = this.services.get(name);
    if (!begun || stored?.service.uid !== begun.uid) {
      this.operations.fail(operation, begun ?? {}, new Error(`service "${name}" was deleted`));
      return;
    }
    // The service may have been changed meanwhile; this rollout is that of the earlier generation.
    const current = stored.service.generation === begun.generation;
    const service: Service = {
      ...stored.service,
      observedGeneration: begun.generation,
      ...(!failure && { trafficStatuses: begun.traffic, latestReadyRevision: begun.latestCreatedRevision }),
      ...(current && { reconciling: false, ...outcome(begun, failure) }),
    };
    this.services.put(name, { ...stored, service });
    const kept = reachable(service);
    void this.instances.drain((revision) => revision.startsWith(`${name}/revisions/`) && !kept.has(revision));
    if (failure) this.operations.fail(operation, service, failure);
    else this.operations.succeed(operation, service);
  }

  /** @returns Why the newest revision, or another with traffic, cannot be used. */
  private async startNewest(service: Service): Promise<StartFailure | undefined> {
    const newest = this.revisions.get(service.latestCreatedRevision);
    if (!newest) return undefined;
    // A failed revision is tried again, because the cause may be fixed.
    if (!isReady(newest)) {
      const failure = await this.tryToStart(newest);
      if (this.stopping || !this.revisions.get(newest.name)) return failure;
      this.revisions.put(newest.name, {
        ...newest,
        updateTime: now(),
        reconciling: false,
        observedGeneration: newest.generation,
        conditions: failure
          ? [failed("Ready", failure.message, failure.reason)]
          : [succeeded("Ready"), succeeded("ContainerReady"), succeeded("ContainerHealthy")],
      });
      if (failure) return notServing(newest.name, failure);
    }
    for (const target of service.traffic.filter(({ revision }) => revision !== undefined)) {
      const revision = this.revisions.get(revisionOf(service, target) ?? "");
      if (!revision) {
        return new StartFailure(
          `Revision '${target.revision ?? ""}' does not exist or is deleted. Update all traffic to route to currently ` +
            "available revisions.",
          { reason: "REVISION_FAILED" },
          RPC.NOT_FOUND,
        );
      }
      const [ready] = revision.conditions;
      if (!isReady(revision)) {
        return notServing(revision.name, new StartFailure(ready?.message ?? "", { reason: "REVISION_FAILED" }));
      }
    }
    return undefined;
  }

  private async tryToStart(revision: Revision): Promise<StartFailure | undefined> {
    try {
      failLate();
      this.images.requireAgent(revision, projectOf(revision.name));
      (await this.instances.enter(revision, mostInstances(revision, undefined))).leave();
      return undefined;
    } catch (error) {
      return asStartFailure(error);
    }
  }
}

function isReady({ conditions: [ready] }: Revision): boolean {
  return ready?.state === "CONDITION_SUCCEEDED";
}

function notServing(revision: string, { message, reason, code }: StartFailure): StartFailure {
  return new StartFailure(
    `Revision '${shortName(revision)}' is not ready and cannot serve traffic. ${message}`.trim(),
    reason,
    code,
  );
}

/** The service's conditions after a rollout. */
function outcome(
  service: Service,
  failure: StartFailure | undefined,
): Pick<Service, "terminalCondition" | "conditions"> {
  const condition = (type: string): Condition =>
    failure ? failed(type, failure.message, failure.reason) : succeeded(type);
  // Existing routes continue to work.
  const routes = service.trafficStatuses.length > 0 ? succeeded("RoutesReady") : condition("RoutesReady");
  return { terminalCondition: condition("Ready"), conditions: [routes, condition("ConfigurationsReady")] };
}
