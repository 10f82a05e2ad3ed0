import { imageAccess } from "../doctor/image.ts";
import { NotVisible, RestReader } from "../google/reader.ts";
import type { Token } from "../../infra/google.ts";
import { endpointsOf } from "../engine/endpoints.ts";
import type { Change, Finding, Preview } from "./model.ts";

/** The types that run an image, with the place of their containers. */
const CONTAINERS: Readonly<Record<string, (inputs: Inputs) => Containers | undefined>> = {
  "gcp:cloudrunv2/service:Service": ({ template }) => template,
  "gcp:cloudrunv2/job:Job": ({ template }) => template?.template,
};

interface Containers {
  readonly containers?: readonly { readonly image?: string }[];
}

interface Inputs {
  readonly template?: Containers & { readonly template?: Containers };
}

/** A new image of a service or job. */
export interface ImageChange {
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** The images that an update replaces. */
export function changedImages(changes: readonly Change[]): ImageChange[] {
  return changes.flatMap(({ after, before, name, type }) => {
    const [was, will] = [before, after].map((inputs) => CONTAINERS[type]?.(inputs as Inputs)?.containers ?? []);
    return (will ?? []).flatMap(({ image }, index): ImageChange[] => {
      const former = was?.[index]?.image;
      return image !== undefined && former !== undefined && image !== former
        ? [{ name, before: former, after: image }]
        : [];
    });
  });
}

/**
 * Advice for each image of another project that the update deploys and that Cloud Run's service agent cannot read. Nothing is said
 * about a policy that the caller may not read.
 * @param token The caller's, if it is not the default of {@link RestReader}.
 */
export async function unreadableImages({ changes, config }: Preview, token?: Token): Promise<Finding[]> {
  const project = config["gcp:project"] ?? "";
  const reader = new RestReader(endpointsOf(config), token);
  const deployed = changes.flatMap(({ after, name, type }) =>
    (CONTAINERS[type]?.(after as Inputs)?.containers ?? []).flatMap(({ image }) => (image ? [{ image, name }] : [])),
  );
  const findings = await Promise.all(
    deployed.map(async ({ image, name }): Promise<Finding[]> => {
      const access = await imageAccess(reader, project, image, new Date()).catch(unseen);
      if (access?.granted !== false) return [];
      const message = `${access.agent} ${access.why} on the repository of ${image}, so Cloud Run cannot read it: ${access.fix}`;
      return [{ mandatory: false, policy: "image-is-readable", resource: name, message }];
    }),
  );
  return findings.flat();
}

function unseen(error: unknown): undefined {
  if (!(error instanceof NotVisible)) throw error;
}
