package twinhub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.microsoft.azure.sdk.iot.service.exceptions.IotHubConflictException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubNotFoundException;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubUnauthorizedException;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.DeviceStatus;
import com.microsoft.azure.sdk.iot.service.registry.Module;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The registry")
class RegistryTest {

  @Test
  @DisplayName("creates, reads, updates and deletes a device with keys of the SDK's own")
  void device() throws Exception {
    Device wanted = new Device(Hub.newId());
    Device created = Hub.registry.addDevice(wanted);
    assertEquals(wanted.getPrimaryKey(), created.getPrimaryKey());

    created.setStatus(DeviceStatus.Disabled);
    Hub.registry.updateDevice(created);
    Device read = Hub.registry.getDevice(wanted.getDeviceId());
    assertEquals(DeviceStatus.Disabled, read.getStatus());

    Hub.registry.removeDevice(wanted.getDeviceId());
    assertThrows(
        IotHubNotFoundException.class, () -> Hub.registry.getDevice(wanted.getDeviceId()));
  }

  @Test
  @DisplayName("creates, lists and deletes the modules of a device")
  void modules() throws Exception {
    String deviceId = Hub.register(Kind.MODULE).deviceId();
    Module second = Hub.registry.addModule(new Module(deviceId, "m2"));
    assertEquals(List.of("m1", "m2"), idsOfModules(deviceId));
    assertEquals(
        second.getPrimaryKey(), Hub.registry.getModule(deviceId, "m2").getPrimaryKey());

    Hub.registry.removeModule(deviceId, "m2");
    assertEquals(List.of("m1"), idsOfModules(deviceId));
  }

  @Test
  @DisplayName("tells what exists already from what does not exist")
  void conflicts() throws Exception {
    Subject taken = Hub.register(Kind.MODULE);
    assertThrows(
        IotHubConflictException.class, () -> Hub.registry.addDevice(new Device(taken.deviceId())));
    assertThrows(
        IotHubConflictException.class,
        () -> Hub.registry.addModule(new Module(taken.deviceId(), taken.moduleId())));
    assertThrows(
        IotHubNotFoundException.class, () -> Hub.registry.getModule(taken.deviceId(), "nobody"));
    assertThrows(IotHubNotFoundException.class, () -> Hub.twins.get("java-nobody"));
  }

  @Test
  @DisplayName("refuses a policy with another key")
  void stranger() {
    String wrong = Hub.CONNECTION_STRING.replaceAll("SharedAccessKey=.*", "SharedAccessKey=d3Jvbmc=");
    RegistryClient stranger = new RegistryClient(wrong);
    assertThrows(IotHubUnauthorizedException.class, () -> stranger.getDevice("java-nobody"));
  }

  private static List<String> idsOfModules(String deviceId) throws Exception {
    return Hub.registry.getModulesOnDevice(deviceId).stream().map(Module::getId).sorted().toList();
  }
}
