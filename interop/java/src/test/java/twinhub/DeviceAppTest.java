package twinhub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.microsoft.azure.sdk.iot.device.InternalClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.device.ModuleClient;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import com.microsoft.azure.sdk.iot.device.transport.IotHubConnectionStatus;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.Twin;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Each test runs for a device and for a module, in each protocol that both speak. */
@DisplayName("A device or module")
@Timeout(90)
class DeviceAppTest {
  private static final List<IotHubClientProtocol> PROTOCOLS =
      List.of(
          IotHubClientProtocol.MQTT,
          IotHubClientProtocol.MQTT_WS,
          IotHubClientProtocol.AMQPS,
          IotHubClientProtocol.AMQPS_WS);

  private InternalClient client;

  static Stream<Arguments> cases() {
    return Arrays.stream(Kind.values())
        .flatMap(kind -> PROTOCOLS.stream().map(protocol -> Arguments.of(kind, protocol)));
  }

  private Subject open(Kind kind, IotHubClientProtocol protocol) throws Exception {
    Subject subject = Hub.register(kind);
    client = subject.client(protocol);
    client.open(false);
    return subject;
  }

  private interface Request<T> {
    T send(int timeoutMilliseconds) throws Exception;
  }

  /**
   * Sends a twin request. Now and then the SDK loses an answer that has come, in a race of its own threads, and would
   * then wait for a minute: it is asked again after a few seconds.
   */
  private static <T> T answered(Request<T> request) throws Exception {
    for (int tries = 1; ; tries++) {
      try {
        return request.send(5_000);
      } catch (IotHubClientException error) {
        if (error.getStatusCode() != IotHubStatusCode.DEVICE_OPERATION_TIMED_OUT || tries == 5) {
          throw error;
        }
      }
    }
  }

  @AfterEach
  void close() {
    if (client != null) {
      client.close();
    }
  }

  @ParameterizedTest(name = "{0} over {1}")
  @MethodSource("cases")
  @DisplayName("reads its twin, reports, and hears of desired changes as deltas in order")
  void twin(Kind kind, IotHubClientProtocol protocol) throws Exception {
    Subject subject = open(kind, protocol);
    Inbox<TwinCollection> changes = new Inbox<>();
    client.subscribeToDesiredProperties(
        (change, context) -> changes.add(change.getDesiredProperties()), null);
    Twin twin = answered(client::getTwin);
    assertEquals(1, twin.getDesiredProperties().getVersion());
    assertEquals(1, twin.getReportedProperties().getVersion());

    TwinCollection report = new TwinCollection();
    report.put("battery", 80);
    int version = answered(timeout -> client.updateReportedProperties(report, timeout)).getVersion();
    var reported = subject.twin().getReportedProperties();
    assertEquals(80L, reported.get("battery"));
    assertEquals(reported.getVersion(), version);

    subject.desire(Map.of("climate", Map.of("min", 69, "max", 77)));
    subject.desire(Map.of("climate", Map.of("max", 80)));
    TwinCollection first = changes.next();
    assertEquals(Map.of("min", 69L, "max", 77L), first.get("climate"));
    assertEquals(2, first.getVersion());
    TwinCollection second = changes.next();
    assertEquals(Map.of("max", 80L), second.get("climate"));
    assertEquals(3, second.getVersion());
  }

  @ParameterizedTest(name = "{0} over {1}")
  @MethodSource("cases")
  @DisplayName("is told that a report breaks a rule, and nothing is changed")
  void badReport(Kind kind, IotHubClientProtocol protocol) throws Exception {
    Subject subject = open(kind, protocol);
    client.subscribeToDesiredProperties((change, context) -> {}, null);
    TwinCollection deep = new TwinCollection();
    Map<String, Object> nested = new HashMap<>(Map.of("leaf", 1));
    for (int level = 0; level < 12; level++) {
      nested = new HashMap<>(Map.of("level", nested));
    }
    deep.put("deep", nested);
    var refused =
        assertThrows(
            IotHubClientException.class,
            () -> answered(timeout -> client.updateReportedProperties(deep, timeout)));
    assertEquals(IotHubStatusCode.BAD_FORMAT, refused.getStatusCode());
    assertTrue(subject.twin().getReportedProperties().isEmpty());
  }

  @ParameterizedTest(name = "{0} over {1}")
  @MethodSource("cases")
  @DisplayName("answers direct methods")
  void methods(Kind kind, IotHubClientProtocol protocol) throws Exception {
    Subject subject = open(kind, protocol);
    Inbox<String> calls = new Inbox<>();
    client.subscribeToMethods(
        (name, payload, context) -> {
          calls.add(name + " " + payload.getPayloadAsJsonString());
          return new DirectMethodResponse(207, Map.of("done", List.of("a", "b")));
        },
        null);
    var answer = subject.invoke("reboot", Map.of("delay", 5));
    assertEquals("reboot {\"delay\":5}", calls.next());
    assertEquals(207, answer.getStatus());
    assertEquals("{\"done\":[\"a\",\"b\"]}", answer.getPayloadAsJsonString());
  }

  @ParameterizedTest(name = "{0} over {1}")
  @MethodSource("cases")
  @DisplayName("sends telemetry that is kept with its properties")
  void telemetry(Kind kind, IotHubClientProtocol protocol) throws Exception {
    Subject subject = open(kind, protocol);
    Message message = new Message("{\"temperature\":21}");
    message.setMessageId("id/1");
    message.setCorrelationId("c&d=e");
    message.setContentType("application/json");
    message.setContentEncoding("utf-8");
    message.setProperty("level", "high & dry");
    // What the hub keeps is waited for, not its acknowledgement: the SDK can lose one that comes fast over MQTT.
    client.sendEventAsync(message, (sent, error, context) -> {}, null);
    Message plain = new Message("plain");
    if (client instanceof ModuleClient module) {
      module.sendEventAsync(plain, (sent, error, context) -> {}, null, "alarm");
    } else {
      client.sendEventAsync(plain, (sent, error, context) -> {}, null);
    }

    List<JsonObject> kept = Hub.telemetry(subject, 2);
    // Now and then the SDK itself sends the second one first on the first connection over WebSocket of a process.
    var byKind =
        kept.stream().collect(Collectors.partitioningBy(one -> one.get("body").isJsonObject()));
    assertEquals(1, byKind.get(true).size(), kept::toString);
    JsonObject first = byKind.get(true).get(0);
    assertEquals(21, first.getAsJsonObject("body").get("temperature").getAsInt());
    JsonObject system = first.getAsJsonObject("systemProperties");
    assertEquals("id/1", system.get("messageId").getAsString());
    assertEquals("c&d=e", system.get("correlationId").getAsString());
    JsonObject application = first.getAsJsonObject("applicationProperties");
    assertEquals("high & dry", application.get("level").getAsString());
    var output = byKind.get(false).get(0).getAsJsonObject("systemProperties").get("outputName");
    if (kind == Kind.MODULE) {
      assertEquals("alarm", output.getAsString());
    } else {
      assertNull(output);
    }
  }

  @ParameterizedTest(name = "{0} over {1}")
  @MethodSource("cases")
  @DisplayName("goes on after its connection was cut")
  void reconnect(Kind kind, IotHubClientProtocol protocol) throws Exception {
    Subject subject = open(kind, protocol);
    Inbox<TwinCollection> changes = new Inbox<>();
    Inbox<IotHubConnectionStatus> statuses = new Inbox<>();
    client.subscribeToDesiredProperties(
        (change, context) -> changes.add(change.getDesiredProperties()), null);
    client.subscribeToMethods(
        (name, payload, context) -> new DirectMethodResponse(200, "back"), null);
    client.setConnectionStatusChangeCallback(change -> statuses.add(change.getNewStatus()), null);

    client.sendEventAsync(fault(), (sent, error, context) -> {}, null);
    assertEquals(IotHubConnectionStatus.DISCONNECTED_RETRYING, statuses.next());
    assertEquals(IotHubConnectionStatus.CONNECTED, statuses.next());

    subject.desire(Map.of("interval", 7));
    assertEquals(7L, changes.next().get("interval"));
    assertEquals("\"back\"", subject.invoke("ping", null).getPayloadAsJsonString());
  }

  /** Asks the hub to cut the connection after 2 s. It expires first, so that the SDK does not send it again. */
  private static Message fault() {
    Message fault = new Message("cut");
    fault.setProperty("AzIoTHub_FaultOperationType", "KillTcp");
    fault.setProperty("AzIoTHub_FaultOperationCloseReason", "boom");
    fault.setProperty("AzIoTHub_FaultOperationDelayInSecs", "2");
    fault.setExpiryTime(1000);
    return fault;
  }
}
