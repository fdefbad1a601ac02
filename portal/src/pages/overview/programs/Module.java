import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.ModuleClient;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;

public class Module {
  public static void main(String[] arguments) throws Exception {
    var text = System.getenv("IOTHUB_MODULE_CONNECTION_STRING");
    var client = new ModuleClient(text, IotHubClientProtocol.MQTT);
    client.open(true);
    client.subscribeToDesiredProperties((change, context) -> {}, null);
    System.out.println("desired: " + client.getTwin().getDesiredProperties());
    var reported = new TwinCollection();
    reported.put("language", "Java");
    client.updateReportedProperties(reported);
    client.close();
  }
}
