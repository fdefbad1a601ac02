/**
 * IoT Hub's errors: a closed catalogue of names and numbers. A number never changes its meaning: clients
 * match on it. The HTTP status is its first three digits (spec/rest §7.3, spec/semantics §17).
 */
export const errorNumbers = {
  GenericBadRequest: 400000,
  InvalidProtocolVersion: 400001,
  InvalidOperation: 400003,
  ArgumentInvalid: 400004,
  ArgumentNull: 400005,
  IotHubFormatError: 400006,
  BlobContainerValidationError: 400008,
  DeviceDefinedMultipleTimes: 400011,
  DeserializationError: 400012,
  BulkRegistryOperationFailure: 400013,
  DefaultStorageEndpointNotConfigured: 400014,
  InvalidFileUploadCorrelationId: 400015,
  ExpiredFileUploadCorrelationId: 400016,
  InvalidFileUploadCompletionStatus: 400019,
  InvalidStorageEndpointOrBlob: 400020,
  EtagDoesNotMatch: 400023,
  ConnectionForcefullyClosedOnNewConnection: 400027,
  InvalidDeviceScope: 400028,
  ConnectionForcefullyClosedOnFaultInjection: 400029,
  BulkRegenerateDeviceKeyOperationFailure: 400036,
  CannotRegisterModuleToModule: 400301,
  InvalidConfigurationTargetCondition: 400401,
  InvalidConfigurationContent: 400402,
  CannotModifyImmutableConfigurationContent: 400403,
  InvalidConfigurationCustomMetricsQuery: 400404,
  IotHubNotFound: 401001,
  IotHubUnauthorizedAccess: 401002,
  IotHubUnauthorized: 401003,
  SystemModuleModifyUnauthorizedAccess: 401100,
  IotHubQuotaExceeded: 403002,
  JobQuotaExceeded: 403003,
  DeviceMaximumQueueDepthExceeded: 403004,
  IotHubMaxCbsTokenExceeded: 403005,
  DeviceMaximumActiveFileUploadLimitExceeded: 403006,
  InvalidMessageExpiryTime: 403009,
  DeviceDisabled: 403012,
  DeviceModelMaxPropertiesExceeded: 403100,
  DeviceMaximumInflightMethodExceeded: 403800,
  GenericNotFound: 404000,
  DeviceNotFound: 404001,
  JobNotFound: 404002,
  ModuleNotFound: 404010,
  FeatureNotSupported: 404013,
  DeviceNotOnline: 404103,
  DeviceConnectionClosedRemotely: 404104,
  ConfigurationNotFound: 404301,
  GenericMethodNotAllowed: 405000,
  DeviceAlreadyExists: 409001,
  LinkCreationConflict: 409002,
  JobAlreadyExists: 409104,
  ModuleAlreadyExistsOnDevice: 409301,
  ConfigurationAlreadyExists: 409401,
  ApplyConfigurationAlreadyInProgressOnDevice: 409402,
  PreconditionFailed: 412001,
  DeviceMessageLockLost: 412002,
  MessageTooLarge: 413001,
  TooManyDevices: 413002,
  TooManyModulesOnDevice: 413003,
  ConfigurationCountLimitExceeded: 413101,
  GenericUnsupportedMediaType: 415000,
  ThrottlingException: 429001,
  ThrottleBacklogLimitExceeded: 429002,
  ServerError: 500001,
  GenericTimeout: 500008,
  ServiceUnavailable: 503001,
  GatewayTimeout: 504101,
} as const;

export type ErrorName = keyof typeof errorNumbers;

/**
 * What the hub refuses, with IoT Hub's own name. Everything else that is thrown is a bug.
 * `message` names the thing and the limit; it never holds a key or a token.
 */
export class HubError extends Error {
  override readonly name: ErrorName;

  constructor(name: ErrorName, message: string) {
    super(message);
    this.name = name;
  }

  /** Six digits, for example 404010. */
  get number(): number {
    return errorNumbers[this.name];
  }

  /** The HTTP status, for example 404. */
  get status(): number {
    return Math.trunc(errorNumbers[this.name] / 1000);
  }
}

export function argumentInvalid(message: string): HubError {
  return new HubError("ArgumentInvalid", message);
}
