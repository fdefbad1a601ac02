package twinhub;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.microsoft.azure.sdk.iot.service.twin.Twin;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("A twin, as a service sees it")
class ServiceTwinTest {

  @ParameterizedTest
  @EnumSource(Kind.class)
  @DisplayName("is changed with its etag")
  void etags(Kind kind) throws Exception {
    Subject subject = Hub.register(kind);
    Twin stale = subject.twin();

    Twin first = subject.change();
    first.setETag(stale.getETag());
    first.getTags().put("site", "roof");
    first.getDesiredProperties().put("x", 1);
    Twin changed = Hub.twins.patch(first);
    assertEquals("roof", changed.getTags().get("site"));
    assertEquals(stale.getVersion() + 1, changed.getVersion());

    // An etag without quotes, as this SDK writes it, that is not the current one counts as none, as on Azure.
    Twin second = subject.change();
    second.setETag(stale.getETag());
    second.getDesiredProperties().put("x", 2);
    assertEquals(3, Hub.twins.patch(second).getDesiredProperties().getVersion());
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  @DisplayName("is replaced as a whole")
  void replaced(Kind kind) throws Exception {
    Subject subject = Hub.register(kind);
    subject.desire(Map.of("x", 1, "y", 1));
    Twin replacement = subject.change();
    replacement.getDesiredProperties().put("z", true);
    Hub.twins.replace(replacement);
    assertEquals(Set.of("z"), subject.twin().getDesiredProperties().keySet());
  }
}
