import { type ErrorName, HubError } from "../../domain/errors.ts";
import type { CloseReason } from "../../app/ports.ts";
import type { ConnackCode } from "./packets.ts";

/** What one of the hub's errors means to an MQTT client. */
export interface Meaning {
  /** The answer to a CONNECT that it refuses (spec/mqtt §2.7). */
  readonly connack: Exclude<ConnackCode, 0>;
  /** The status of a twin request that it fails; three digits (spec/mqtt §7.3). */
  readonly twinStatus: number;
  /** How the connection ends where MQTT has no answer: telemetry, subscriptions, malformed packets. */
  readonly close: CloseReason;
}

const refused = (status: number): Meaning => ({
  connack: 5,
  twinStatus: status,
  close: "protocolError",
});
const denied = (status: number): Meaning => ({
  connack: 5,
  twinStatus: status,
  close: "credentialsChanged",
});
const gone = (status: number): Meaning => ({
  connack: 5,
  twinStatus: status,
  close: "identityDeleted",
});
const disabled = (status: number): Meaning => ({
  connack: 3,
  twinStatus: status,
  close: "identityDisabled",
});
const tooLarge = (status: number): Meaning => ({
  connack: 5,
  twinStatus: status,
  close: "messageTooLarge",
});
const badVersion = (status: number): Meaning => ({
  connack: 1,
  twinStatus: status,
  close: "protocolError",
});
/** Throttles and quotas: MQTT knows no "later" but closing (spec/mqtt §12). */
const overloaded = (status: number): Meaning => ({
  connack: 3,
  twinStatus: status,
  close: "hubError",
});
const failed = (status: number): Meaning => ({ connack: 3, twinStatus: status, close: "hubError" });

/** A new name in the catalogue does not compile until it stands here. */
const meanings: Record<ErrorName, Meaning> = {
  GenericBadRequest: refused(400),
  InvalidProtocolVersion: badVersion(400),
  InvalidOperation: refused(400),
  ArgumentInvalid: refused(400),
  ArgumentNull: refused(400),
  IotHubFormatError: refused(400),
  BlobContainerValidationError: refused(400),
  DeviceDefinedMultipleTimes: refused(400),
  DeserializationError: refused(400),
  BulkRegistryOperationFailure: refused(400),
  DefaultStorageEndpointNotConfigured: refused(400),
  InvalidFileUploadCorrelationId: refused(400),
  ExpiredFileUploadCorrelationId: refused(400),
  InvalidFileUploadCompletionStatus: refused(400),
  InvalidStorageEndpointOrBlob: refused(400),
  EtagDoesNotMatch: refused(400),
  ConnectionForcefullyClosedOnNewConnection: refused(400),
  InvalidDeviceScope: refused(400),
  ConnectionForcefullyClosedOnFaultInjection: refused(400),
  BulkRegenerateDeviceKeyOperationFailure: refused(400),
  CannotRegisterModuleToModule: refused(400),
  InvalidConfigurationTargetCondition: refused(400),
  InvalidConfigurationContent: refused(400),
  CannotModifyImmutableConfigurationContent: refused(400),
  InvalidConfigurationCustomMetricsQuery: refused(400),
  IotHubNotFound: denied(401),
  IotHubUnauthorizedAccess: denied(401),
  IotHubUnauthorized: denied(401),
  SystemModuleModifyUnauthorizedAccess: denied(401),
  IotHubQuotaExceeded: overloaded(403),
  JobQuotaExceeded: refused(403),
  DeviceMaximumQueueDepthExceeded: refused(403),
  IotHubMaxCbsTokenExceeded: refused(403),
  DeviceMaximumActiveFileUploadLimitExceeded: refused(403),
  InvalidMessageExpiryTime: refused(403),
  DeviceDisabled: disabled(403),
  DeviceModelMaxPropertiesExceeded: refused(403),
  DeviceMaximumInflightMethodExceeded: refused(403),
  GenericNotFound: refused(404),
  DeviceNotFound: gone(404),
  JobNotFound: refused(404),
  ModuleNotFound: gone(404),
  FeatureNotSupported: refused(404),
  DeviceNotOnline: refused(404),
  DeviceConnectionClosedRemotely: refused(404),
  ConfigurationNotFound: refused(404),
  GenericMethodNotAllowed: refused(405),
  DeviceAlreadyExists: refused(409),
  LinkCreationConflict: refused(409),
  JobAlreadyExists: refused(409),
  ModuleAlreadyExistsOnDevice: refused(409),
  ConfigurationAlreadyExists: refused(409),
  ApplyConfigurationAlreadyInProgressOnDevice: refused(409),
  PreconditionFailed: refused(412),
  DeviceMessageLockLost: refused(412),
  MessageTooLarge: tooLarge(413),
  TooManyDevices: refused(413),
  TooManyModulesOnDevice: refused(413),
  ConfigurationCountLimitExceeded: refused(413),
  GenericUnsupportedMediaType: refused(415),
  ThrottlingException: overloaded(429),
  ThrottleBacklogLimitExceeded: overloaded(429),
  ServerError: failed(500),
  GenericTimeout: failed(500),
  ServiceUnavailable: failed(503),
  GatewayTimeout: failed(504),
};

/** What `error` means; whatever is not the hub's own error is a bug and means a server error. */
export function meaningOf(error: unknown): Meaning {
  return meanings[nameOf(error)];
}

function nameOf(error: unknown): ErrorName {
  return error instanceof HubError ? error.name : "ServerError";
}

/** What a client is told about a failure; nothing of a bug but that there was one. */
export function toHubError(error: unknown): HubError {
  return error instanceof HubError
    ? error
    : new HubError("ServerError", "The hub could not complete the request");
}
