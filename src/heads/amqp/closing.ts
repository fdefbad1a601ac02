import type { CloseReason } from "../../app/ports.ts";
import { errorNumbers } from "../../domain/errors.ts";
import type { Condition } from "./errors.ts";

/** How links of an identity are detached when the hub ends its connection for one reason (spec/amqp §14.2). */
export interface Closing {
  readonly condition: Condition;
  readonly errorCode: number;
  readonly message: string;
}

export const closings: Record<CloseReason, Closing> = {
  newerConnection: {
    condition: "amqp:link:stolen",
    errorCode: errorNumbers.ConnectionForcefullyClosedOnNewConnection,
    message: "The device or module has connected again, which ends this connection",
  },
  clientDisconnected: forced("The connection has ended"),
  networkLost: forced("The connection has ended"),
  keepAliveExpired: forced("The connection was silent for too long"),
  tokenExpired: {
    condition: "amqp:unauthorized-access",
    errorCode: errorNumbers.IotHubUnauthorized,
    message: "Token Invalid: it has expired",
  },
  identityDisabled: denied("The device is disabled"),
  identityDeleted: {
    condition: "amqp:not-found",
    errorCode: errorNumbers.DeviceNotFound,
    message: "The device or module does not exist any more",
  },
  credentialsChanged: denied("The credential is not valid any more"),
  protocolError: forced("The client has broken the protocol"),
  messageTooLarge: forced("A message was too large"),
  slowReader: {
    condition: "amqp:resource-limit-exceeded",
    errorCode: errorNumbers.ThrottleBacklogLimitExceeded,
    message: "The client does not take what the hub sends",
  },
  faultInjection: forced("As the client has asked for"),
  hubStopping: forced("The hub is stopping"),
  hubError: {
    condition: "amqp:internal-error",
    errorCode: errorNumbers.ServerError,
    message: "The hub could not go on with the connection",
  },
};

function forced(message: string): Closing {
  return {
    condition: "amqp:link:detach-forced",
    errorCode: errorNumbers.DeviceConnectionClosedRemotely,
    message,
  };
}

function denied(message: string): Closing {
  return {
    condition: "amqp:unauthorized-access",
    errorCode: errorNumbers.IotHubUnauthorizedAccess,
    message,
  };
}
