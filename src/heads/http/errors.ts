import { type ErrorName, HubError } from "../../domain/errors.ts";
import type { Milliseconds } from "../../domain/time.ts";

/** The HTTP status of every error. A new error does not compile until it has one (spec/rest §7.3). */
export const statuses: Record<ErrorName, number> = {
  GenericBadRequest: 400,
  InvalidProtocolVersion: 400,
  InvalidOperation: 400,
  ArgumentInvalid: 400,
  ArgumentNull: 400,
  IotHubFormatError: 400,
  BlobContainerValidationError: 400,
  DeviceDefinedMultipleTimes: 400,
  DeserializationError: 400,
  BulkRegistryOperationFailure: 400,
  DefaultStorageEndpointNotConfigured: 400,
  InvalidFileUploadCorrelationId: 400,
  ExpiredFileUploadCorrelationId: 400,
  InvalidFileUploadCompletionStatus: 400,
  InvalidStorageEndpointOrBlob: 400,
  EtagDoesNotMatch: 400,
  ConnectionForcefullyClosedOnNewConnection: 400,
  InvalidDeviceScope: 400,
  ConnectionForcefullyClosedOnFaultInjection: 400,
  BulkRegenerateDeviceKeyOperationFailure: 400,
  CannotRegisterModuleToModule: 400,
  InvalidConfigurationTargetCondition: 400,
  InvalidConfigurationContent: 400,
  CannotModifyImmutableConfigurationContent: 400,
  InvalidConfigurationCustomMetricsQuery: 400,
  IotHubNotFound: 401,
  IotHubUnauthorizedAccess: 401,
  IotHubUnauthorized: 401,
  SystemModuleModifyUnauthorizedAccess: 401,
  IotHubQuotaExceeded: 403,
  JobQuotaExceeded: 403,
  DeviceMaximumQueueDepthExceeded: 403,
  IotHubMaxCbsTokenExceeded: 403,
  DeviceMaximumActiveFileUploadLimitExceeded: 403,
  InvalidMessageExpiryTime: 403,
  DeviceDisabled: 403,
  DeviceModelMaxPropertiesExceeded: 403,
  DeviceMaximumInflightMethodExceeded: 403,
  GenericNotFound: 404,
  DeviceNotFound: 404,
  JobNotFound: 404,
  ModuleNotFound: 404,
  FeatureNotSupported: 404,
  DeviceNotOnline: 404,
  DeviceConnectionClosedRemotely: 404,
  ConfigurationNotFound: 404,
  GenericMethodNotAllowed: 405,
  DeviceAlreadyExists: 409,
  LinkCreationConflict: 409,
  JobAlreadyExists: 409,
  ModuleAlreadyExistsOnDevice: 409,
  ConfigurationAlreadyExists: 409,
  ApplyConfigurationAlreadyInProgressOnDevice: 409,
  PreconditionFailed: 412,
  DeviceMessageLockLost: 412,
  MessageTooLarge: 413,
  TooManyDevices: 413,
  TooManyModulesOnDevice: 413,
  ConfigurationCountLimitExceeded: 413,
  GenericUnsupportedMediaType: 415,
  ThrottlingException: 429,
  ThrottleBacklogLimitExceeded: 429,
  ServerError: 500,
  GenericTimeout: 500,
  ServiceUnavailable: 503,
  GatewayTimeout: 504,
};

/** Where the service's text is known to be fixed (spec/rest §4, §13.3). */
const fixedTexts: Partial<Record<ErrorName, string>> = {
  InvalidProtocolVersion: "BadRequest",
  PreconditionFailed: "PreconditionFailed",
};

export interface ErrorBody {
  readonly Message: string;
  readonly ExceptionMessage: string;
}

/** `4D2C…-G2:-TimeStamp:2026-05-01T10:00:00.123000000Z`: finds the request in the log, whose id it repeats. */
export function trackingId(requestId: string, now: Milliseconds): string {
  return `${requestId.replaceAll("-", "").toUpperCase()}-G2:-TimeStamp:${nanoText(now)}`;
}

function nanoText(now: Milliseconds): string {
  return `${new Date(now).toISOString().slice(0, -1)}000000Z`;
}

/** Form (a): every error but those of direct methods. Clients split `Message` at `;` (spec/rest §7.1, §7.2). */
export function formA(error: HubError, tracking: string): ErrorBody {
  const text = fixedTexts[error.name] ?? error.message.replaceAll(";", ",").trim();
  return {
    Message: `ErrorCode:${error.name};${text === "" ? error.name : text}`,
    ExceptionMessage: `Tracking ID:${tracking}`,
  };
}

/** Form (b): direct methods. `Message` is text that holds JSON without nested objects (spec/rest §7.1). */
export function formB(error: HubError, tracking: string, now: Milliseconds): ErrorBody {
  return {
    Message: JSON.stringify({
      errorCode: error.number,
      trackingId: tracking,
      message: error.message === "" ? error.name : error.message,
      timestampUtc: nanoText(now),
    }),
    ExceptionMessage: "",
  };
}

/**
 * What was thrown as the hub's own error: what the framework refuses gets its IoT Hub name; everything else is a bug
 * and becomes 500001.
 */
export function toHubError(thrown: unknown): HubError {
  if (thrown instanceof HubError) return thrown;
  switch (codeOf(thrown)) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new HubError("MessageTooLarge", "The body is larger than this operation accepts");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new HubError("GenericBadRequest", "The body is not as long as Content-Length says");
    case "FST_ERR_BAD_URL":
      return new HubError("ArgumentInvalid", "The path is not validly percent-encoded");
    case "ECONNRESET":
      return new HubError("GenericBadRequest", "The caller left before its body was complete");
    default:
      return new HubError(
        "ServerError",
        "The hub failed; its log has the reason under this tracking id",
      );
  }
}

function codeOf(thrown: unknown): unknown {
  return typeof thrown === "object" && thrown !== null && "code" in thrown
    ? thrown.code
    : undefined;
}
