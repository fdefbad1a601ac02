package twinhub;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.azure.sdk.iot.service.auth.IotHubConnectionStringBuilder;
import com.microsoft.azure.sdk.iot.service.auth.IotHubServiceSasToken;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.Module;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The running hub, as the runner names it in the environment. */
final class Hub {
  static final String CONNECTION_STRING = System.getenv("IOTHUB_CONNECTION_STRING");
  static final String HOST = CONNECTION_STRING.replaceAll("^HostName=([^;]*);.*$", "$1");
  static final SSLContext TLS = trusting(Path.of(System.getenv("IOTHUB_CA_FILE")));

  static final RegistryClient registry = new RegistryClient(CONNECTION_STRING);
  static final TwinClient twins = new TwinClient(CONNECTION_STRING);
  static final DirectMethodsClient methods = new DirectMethodsClient(CONNECTION_STRING);

  private static final AtomicInteger numbers = new AtomicInteger();

  private Hub() {}

  /** An id that no other test and no earlier run has used. */
  static String newId() {
    return "java-" + ProcessHandle.current().pid() + "-" + numbers.incrementAndGet();
  }

  static Subject register(Kind kind) throws Exception {
    Device device = registry.addDevice(new Device(newId()));
    if (kind == Kind.DEVICE) {
      return new Subject(device.getDeviceId(), null, device.getPrimaryKey());
    }
    Module module = registry.addModule(new Module(device.getDeviceId(), "m1"));
    return new Subject(device.getDeviceId(), "m1", module.getPrimaryKey());
  }

  /** The first {@code count} messages that the hub has kept of the subject, waited for if need be. */
  static List<JsonObject> telemetry(Subject subject, int count) throws Exception {
    var connection = IotHubConnectionStringBuilder.createIotHubConnectionString(CONNECTION_STRING);
    String query = "?from=earliest&source=Telemetry&deviceId=" + subject.deviceId();
    if (subject.moduleId() != null) {
      query += "&moduleId=" + subject.moduleId();
    }
    var request =
        HttpRequest.newBuilder(URI.create("https://" + HOST + "/$hub/events" + query))
            .header("Authorization", new IotHubServiceSasToken(connection).toString())
            .timeout(Duration.ofSeconds(60))
            .build();
    var client = HttpClient.newBuilder().sslContext(TLS).build();
    try (var lines = client.send(request, BodyHandlers.ofLines()).body()) {
      return lines
          .filter(line -> line.startsWith("data:"))
          .limit(count)
          .map(line -> JsonParser.parseString(line.substring(5)).getAsJsonObject())
          .toList();
    }
  }

  private static SSLContext trusting(Path caFile) {
    try (InputStream pem = Files.newInputStream(caFile)) {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      var certificates = CertificateFactory.getInstance("X.509").generateCertificates(pem);
      for (var certificate : certificates) {
        store.setCertificateEntry("hub-" + store.size(), certificate);
      }
      var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(store);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, trust.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException | IOException error) {
      throw new IllegalStateException("cannot read " + caFile, error);
    }
  }
}
