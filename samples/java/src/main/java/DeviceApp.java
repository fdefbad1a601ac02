import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.microsoft.azure.sdk.iot.device.ClientOptions;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.ModuleClient;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * The application on the device: it connects as the module, reports what it knows and listens for desired changes
 * until it is told to end (Ctrl+C). The argument is the protocol: MQTT, MQTT_WS, AMQPS or AMQPS_WS.
 *
 * <p>It uses the published iot-device-client as it is. IOTHUB_CA_FILE names the hub's CA file.
 */
public final class DeviceApp {
  /** Of a change, a null says that a property is gone. */
  private static final Gson JSON = new GsonBuilder().serializeNulls().create();

  private DeviceApp() {}

  public static void main(String[] arguments) throws Exception {
    var protocol = IotHubClientProtocol.valueOf(arguments.length == 1 ? arguments[0] : "MQTT");
    ClientOptions options =
        ClientOptions.builder().sslContext(trusting(Path.of(setting("IOTHUB_CA_FILE")))).build();
    ModuleClient client =
        new ModuleClient(setting("IOTHUB_MODULE_CONNECTION_STRING"), protocol, options);

    client.open(false);
    System.out.println("connected over " + protocol);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> end(client)));

    // This SDK wants the subscription before it reads the twin; from here on, every change arrives.
    client.subscribeToDesiredProperties(
        (change, context) -> onChange(change.getDesiredProperties()), null);
    System.out.println("desired properties: " + answered(client::getTwin).getDesiredProperties());

    TwinCollection report = new TwinCollection();
    report.put("firmwareVersion", "1.2.3");
    report.put("weather", Map.of("temperature", 72, "humidity", 41));
    answered(timeout -> client.updateReportedProperties(report, timeout));
    System.out.println("reported " + JSON.toJson(report));
    System.out.println("ready for desired changes");
    Thread.currentThread().join();
  }

  private static void onChange(TwinCollection desired) {
    System.out.printf(
        "desired change, version %d: %s%n", desired.getVersion(), JSON.toJson(desired));
  }

  private interface Request<T> {
    T send(int timeoutMilliseconds) throws Exception;
  }

  /** Asks again if there is no answer: now and then the SDK loses one that has come, and would wait for a minute. */
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

  private static void end(ModuleClient client) {
    client.close();
    System.out.println("closed");
  }

  /** TLS that trusts the certificate authority of the hub, and no other. */
  private static SSLContext trusting(Path caFile) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream pem = Files.newInputStream(caFile)) {
      for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
        store.setCertificateEntry("hub-" + store.size(), each);
      }
    }
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  private static String setting(String name) {
    String value = System.getenv(name);
    if (value == null) {
      System.err.println("set " + name);
      System.exit(2);
    }
    return value;
  }
}
