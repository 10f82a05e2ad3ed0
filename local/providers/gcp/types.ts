import type { ResourceType } from "../provider";
import { auditConfig } from "./audit-config";
import { cloudRunTypes } from "./cloudrun";
import { computeTypes } from "./compute";
import { monitoringTypes } from "./monitoring";
import { policyMembers } from "./policies";
import { secretManagerTypes } from "./secretmanager";
import { serviceIdentity } from "./service-identity";
import { serviceAccount } from "./serviceaccount";
import { serviceNetworkingConnection } from "./servicenetworking";
import { projectService } from "./services";
import { sqlTypes } from "./sql";
import { storageTypes } from "./storage";

/** The resource types of `@pulumi/gcp` that the stand-in has. */
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
  serviceNetworkingConnection,
];
