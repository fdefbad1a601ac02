package twinhub;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubMessageResult;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol;
import com.microsoft.azure.sdk.iot.service.messaging.MessagingClient;
import com.microsoft.azure.sdk.iot.service.messaging.MessagingClientOptions;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("A message to a device")
@Timeout(90)
class CloudToDeviceTest {

  @ParameterizedTest
  @EnumSource(
      value = IotHubClientProtocol.class,
      names = {"MQTT", "MQTT_WS", "AMQPS", "AMQPS_WS"})
  @DisplayName("waits for it, and arrives with its properties")
  void waits(IotHubClientProtocol protocol) throws Exception {
    Subject device = Hub.register(Kind.DEVICE);
    send(device, "first", IotHubServiceClientProtocol.AMQPS);
    send(device, "second", IotHubServiceClientProtocol.AMQPS_WS);

    Inbox<Message> received = new Inbox<>();
    DeviceClient client = (DeviceClient) device.client(protocol);
    client.setMessageCallback(
        (message, context) -> {
          received.add(message);
          return IotHubMessageResult.COMPLETE;
        },
        null);
    client.open(false);
    try {
      Message first = received.next();
      assertEquals("first", new String(first.getBytes(), Message.DEFAULT_IOTHUB_MESSAGE_CHARSET));
      assertEquals("m-first", first.getMessageId());
      assertEquals("a&b=c", first.getProperty("key"));
      assertEquals("m-second", received.next().getMessageId());
    } finally {
      client.close();
    }
  }

  private static void send(Subject device, String body, IotHubServiceClientProtocol protocol)
      throws Exception {
    var options = MessagingClientOptions.builder().sslContext(Hub.TLS).build();
    var messaging = new MessagingClient(Hub.CONNECTION_STRING, protocol, options);
    var message = new com.microsoft.azure.sdk.iot.service.messaging.Message(body);
    message.setMessageId("m-" + body);
    message.setProperties(Map.of("key", "a&b=c"));
    messaging.open();
    try {
      messaging.send(device.deviceId(), message);
    } finally {
      messaging.close();
    }
  }
}
