import com.microsoft.azure.sdk.iot.service.exceptions.IotHubConflictException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubException;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.Module;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/**
 * The back-end application of the module-twin story, in two phases: "create" registers the device and the module and
 * prints the module's connection string; "patch" changes the module's twin and shows what the module has reported.
 *
 * <p>It uses the published iot-service-client as it is. The JVM's trust store must hold the hub's certificate.
 */
public final class ServiceApp {
  private static final String DEVICE_ID = "myFirstDevice";
  private static final String MODULE_ID = "myFirstModule";

  private ServiceApp() {}

  public static void main(String[] arguments) throws Exception {
    String phase = arguments.length == 1 ? arguments[0] : "";
    String connectionString = System.getenv("IOTHUB_CONNECTION_STRING");
    if (connectionString == null) {
      fail("set IOTHUB_CONNECTION_STRING to a connection string of the hub");
    }
    switch (phase) {
      case "create" -> create(connectionString);
      case "patch" -> patch(new TwinClient(connectionString));
      default -> fail("usage: ServiceApp create|patch");
    }
  }

  private static void create(String connectionString) throws IOException, IotHubException {
    RegistryClient registry = new RegistryClient(connectionString);
    try {
      registry.addDevice(new Device(DEVICE_ID));
      System.out.println("created device " + DEVICE_ID);
    } catch (IotHubConflictException error) {
      System.out.println("device " + DEVICE_ID + " already exists");
    }
    try {
      registry.addModule(new Module(DEVICE_ID, MODULE_ID));
      System.out.println("created module " + MODULE_ID);
    } catch (IotHubConflictException error) {
      System.out.println("module " + MODULE_ID + " already exists");
    }
    String key = registry.getModule(DEVICE_ID, MODULE_ID).getPrimaryKey();
    String hostName = connectionString.replaceAll("^HostName=([^;]*);.*$", "$1");
    System.out.printf(
        "module connection string: HostName=%s;DeviceId=%s;ModuleId=%s;SharedAccessKey=%s%n",
        hostName, DEVICE_ID, MODULE_ID, key);
  }

  private static void patch(TwinClient twins) throws IOException, IotHubException {
    String etag = twins.get(DEVICE_ID, MODULE_ID).getETag();
    System.out.println("twin etag " + etag);

    Twin first = climate(Map.of("minTemperature", 69, "maxTemperature", 77));
    first.getTags().put("location", "roof");
    first.setETag(etag);
    String changed = twins.patch(first).getETag();
    System.out.printf(
        "patched the climate and a tag with etag %s, the etag is %s now%n", etag, changed);

    twins.patch(climate(Map.of("maxTemperature", 80)));
    System.out.println("changed climate.maxTemperature alone");

    Map<String, Object> removal = new HashMap<>();
    removal.put("minTemperature", null);
    twins.patch(climate(removal));
    System.out.println("removed climate.minTemperature");

    var reported = twins.get(DEVICE_ID, MODULE_ID).getReportedProperties().toJsonObject();
    System.out.println("reported by the module: " + reported);
  }

  private static Twin climate(Map<String, Object> change) {
    Twin twin = new Twin(DEVICE_ID, MODULE_ID);
    twin.getDesiredProperties().put("climate", change);
    return twin;
  }

  private static void fail(String message) {
    System.err.println(message);
    System.exit(2);
  }
}
