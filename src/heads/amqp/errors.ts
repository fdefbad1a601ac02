import { type ErrorName, HubError, errorNumbers } from "../../domain/errors.ts";
import { timeText } from "../../domain/time.ts";
import type { AmqpValue } from "./codec/values.ts";
import type { Services } from "./services.ts";

/** A condition with its text, as frames and outcomes carry it. */
export interface AmqpError {
  readonly condition: Condition;
  readonly description: string;
  readonly info?: ReadonlyMap<string, AmqpValue> | undefined;
}

/** Conditions that the head uses (spec/amqp §14.2, §14.3). */
export type Condition =
  | "amqp:internal-error"
  | "amqp:not-found"
  | "amqp:unauthorized-access"
  | "amqp:decode-error"
  | "amqp:resource-limit-exceeded"
  | "amqp:not-allowed"
  | "amqp:invalid-field"
  | "amqp:not-implemented"
  | "amqp:connection:forced"
  | "amqp:connection:framing-error"
  | "amqp:session:window-violation"
  | "amqp:link:detach-forced"
  | "amqp:link:transfer-limit-exceeded"
  | "amqp:link:message-size-exceeded"
  | "amqp:link:redirect"
  | "amqp:link:stolen"
  | "com.microsoft:argument-error"
  | "com.microsoft:argument-out-of-range"
  | "com.microsoft:device-already-exists"
  | "com.microsoft:device-container-throttled"
  | "com.microsoft:iot-hub-not-found-error"
  | "com.microsoft:message-lock-lost"
  | "com.microsoft:precondition-failed"
  | "com.microsoft:server-busy"
  | "com.microsoft:timeout";

/** Thrown by a link handler to refuse with a condition of its own, for example a redirect. */
export class AmqpRefusal extends Error {
  readonly error: AmqpError;

  constructor(error: AmqpError) {
    super(error.description);
    this.error = error;
  }
}

const badArgument = "com.microsoft:argument-error";
const unauthorized = "amqp:unauthorized-access";
const notFound = "amqp:not-found";
const notAllowed = "amqp:not-allowed";
const tooMuch = "amqp:resource-limit-exceeded";
const throttled = "com.microsoft:device-container-throttled";

/** A new name in the catalogue does not compile until it stands here. */
export const conditions: Record<ErrorName, Condition> = {
  GenericBadRequest: badArgument,
  InvalidProtocolVersion: badArgument,
  InvalidOperation: notAllowed,
  ArgumentInvalid: badArgument,
  ArgumentNull: badArgument,
  IotHubFormatError: badArgument,
  BlobContainerValidationError: badArgument,
  DeviceDefinedMultipleTimes: badArgument,
  DeserializationError: badArgument,
  BulkRegistryOperationFailure: badArgument,
  DefaultStorageEndpointNotConfigured: badArgument,
  InvalidFileUploadCorrelationId: badArgument,
  ExpiredFileUploadCorrelationId: badArgument,
  InvalidFileUploadCompletionStatus: badArgument,
  InvalidStorageEndpointOrBlob: badArgument,
  EtagDoesNotMatch: "com.microsoft:precondition-failed",
  ConnectionForcefullyClosedOnNewConnection: "amqp:link:stolen",
  InvalidDeviceScope: badArgument,
  ConnectionForcefullyClosedOnFaultInjection: "amqp:connection:forced",
  BulkRegenerateDeviceKeyOperationFailure: badArgument,
  CannotRegisterModuleToModule: badArgument,
  InvalidConfigurationTargetCondition: badArgument,
  InvalidConfigurationContent: badArgument,
  CannotModifyImmutableConfigurationContent: badArgument,
  InvalidConfigurationCustomMetricsQuery: badArgument,
  IotHubNotFound: "com.microsoft:iot-hub-not-found-error",
  IotHubUnauthorizedAccess: unauthorized,
  IotHubUnauthorized: unauthorized,
  SystemModuleModifyUnauthorizedAccess: unauthorized,
  IotHubQuotaExceeded: tooMuch,
  JobQuotaExceeded: tooMuch,
  DeviceMaximumQueueDepthExceeded: tooMuch,
  IotHubMaxCbsTokenExceeded: tooMuch,
  DeviceMaximumActiveFileUploadLimitExceeded: tooMuch,
  InvalidMessageExpiryTime: badArgument,
  DeviceDisabled: unauthorized,
  DeviceModelMaxPropertiesExceeded: tooMuch,
  DeviceMaximumInflightMethodExceeded: tooMuch,
  GenericNotFound: notFound,
  DeviceNotFound: notFound,
  JobNotFound: notFound,
  ModuleNotFound: notFound,
  FeatureNotSupported: "amqp:not-implemented",
  DeviceNotOnline: notFound,
  DeviceConnectionClosedRemotely: notFound,
  ConfigurationNotFound: notFound,
  GenericMethodNotAllowed: notAllowed,
  DeviceAlreadyExists: "com.microsoft:device-already-exists",
  LinkCreationConflict: "amqp:link:stolen",
  JobAlreadyExists: notAllowed,
  ModuleAlreadyExistsOnDevice: "com.microsoft:device-already-exists",
  ConfigurationAlreadyExists: notAllowed,
  ApplyConfigurationAlreadyInProgressOnDevice: notAllowed,
  PreconditionFailed: "com.microsoft:precondition-failed",
  DeviceMessageLockLost: "com.microsoft:message-lock-lost",
  MessageTooLarge: "amqp:link:message-size-exceeded",
  TooManyDevices: tooMuch,
  TooManyModulesOnDevice: tooMuch,
  ConfigurationCountLimitExceeded: tooMuch,
  GenericUnsupportedMediaType: badArgument,
  ThrottlingException: throttled,
  ThrottleBacklogLimitExceeded: throttled,
  ServerError: "amqp:internal-error",
  GenericTimeout: "com.microsoft:timeout",
  ServiceUnavailable: "com.microsoft:server-busy",
  GatewayTimeout: "com.microsoft:timeout",
};

/** What a client is told about a failure; nothing of a bug but that there was one. */
export function toHubError(error: unknown): HubError {
  return error instanceof HubError
    ? error
    : new HubError("ServerError", "The hub could not complete the request");
}

/**
 * The error of a frame or outcome: condition, a JSON text with IoT Hub's number, and the tracking id (spec/amqp §14.1).
 * Logs it: a refusal is the client's affair, everything else is a bug and keeps its stack.
 */
export function amqpError(services: Services, error: unknown, fields: object): AmqpError {
  if (error instanceof AmqpRefusal) return error.error;
  const trackingId = services.trackingIds.next();
  const { log } = services;
  if (error instanceof HubError)
    log.debug({ ...fields, trackingId, error: error.name, detail: error.message }, "AMQP refusal");
  else log.error({ ...fields, trackingId, err: error }, "AMQP request failed");
  const { name, message } = toHubError(error);
  return describe(services, conditions[name], errorNumbers[name], message, trackingId);
}

/** The same for a failure that has a condition of its own. */
export function describe(
  services: Services,
  condition: Condition,
  errorCode: number,
  message: string,
  trackingId: string = services.trackingIds.next(),
): AmqpError {
  return {
    condition,
    description: failureText(services, errorCode, message, trackingId),
    info: new Map<string, AmqpValue>([["com.microsoft:tracking-id", trackingId]]),
  };
}

/** JSON, because some clients parse whatever text a failure has (spec/amqp §8.2). */
export function failureText(
  { clock }: Services,
  errorCode: number,
  message: string,
  trackingId: string,
): string {
  return JSON.stringify({
    errorCode,
    trackingId,
    message,
    timestampUtc: timeText(clock.now()),
  });
}

/** No such link address (spec/amqp §14.1). The number stands in no use case, only here. */
export function unknownAddress(services: Services, address: string): AmqpRefusal {
  const shown = address.slice(0, 300).replaceAll(";", " ");
  const text = `The link address '${shown}' did not match any of the expected formats.`;
  return new AmqpRefusal(describe(services, "amqp:not-found", 404_006, text));
}
