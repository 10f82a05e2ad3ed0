import type { ResourceType } from "../provider.ts";
import { auditConfig } from "./audit-config.ts";
import { cloudRunTypes } from "./cloudrun.ts";
import { computeTypes } from "./compute.ts";
import { loadBalancingTypes } from "./load-balancing.ts";
import { monitoringTypes } from "./monitoring.ts";
import { policyMembers } from "./policies.ts";
import { secretManagerTypes } from "./secretmanager.ts";
import { serviceIdentity } from "./service-identity.ts";
import { serviceAccount } from "./serviceaccount.ts";
import { serviceNetworkingConnection } from "./servicenetworking.ts";
import { projectService } from "./services.ts";
import { sqlTypes } from "./sql.ts";
import { storageTypes } from "./storage.ts";

/** The supported resource types of `@pulumi/gcp`. */
export const gcpTypes: readonly ResourceType[] = [
  projectService,
  serviceIdentity,
  auditConfig,
  serviceAccount,
  ...policyMembers,
  ...sqlTypes,
  ...secretManagerTypes,
  ...storageTypes,
  ...cloudRunTypes,
  ...monitoringTypes,
  ...computeTypes,
  ...loadBalancingTypes,
  serviceNetworkingConnection,
];
