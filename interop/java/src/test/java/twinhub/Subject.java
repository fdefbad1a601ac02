package twinhub;

import com.microsoft.azure.sdk.iot.device.ClientOptions;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.InternalClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.ModuleClient;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import java.util.Map;

/** A registered device, or a module if there is a module id, with the calls that differ between the two hidden. */
record Subject(String deviceId, String moduleId, String key) {

  String connectionString() {
    String module = moduleId == null ? "" : ";ModuleId=" + moduleId;
    return "HostName=" + Hub.HOST + ";DeviceId=" + deviceId + module + ";SharedAccessKey=" + key;
  }

  /** An SDK client that trusts the hub, not yet open. */
  InternalClient client(IotHubClientProtocol protocol) {
    ClientOptions options = ClientOptions.builder().sslContext(Hub.TLS).build();
    return moduleId == null
        ? new DeviceClient(connectionString(), protocol, options)
        : new ModuleClient(connectionString(), protocol, options);
  }

  /** A twin that names the subject and holds nothing: to be filled and sent. */
  Twin change() {
    return moduleId == null ? new Twin(deviceId) : new Twin(deviceId, moduleId);
  }

  Twin twin() throws Exception {
    return moduleId == null ? Hub.twins.get(deviceId) : Hub.twins.get(deviceId, moduleId);
  }

  /** Changes desired properties; a null removes one. */
  Twin desire(Map<String, Object> desired) throws Exception {
    Twin change = change();
    change.getDesiredProperties().putAll(desired);
    return Hub.twins.patch(change);
  }

  DirectMethodResponse invoke(String name, Object payload) throws Exception {
    var options = DirectMethodRequestOptions.builder().payload(payload).build();
    return moduleId == null
        ? Hub.methods.invoke(deviceId, name, options)
        : Hub.methods.invoke(deviceId, moduleId, name, options);
  }
}
