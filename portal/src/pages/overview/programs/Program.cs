using Microsoft.Azure.Devices.Client;
using Microsoft.Azure.Devices.Shared;

var text = Environment.GetEnvironmentVariable("IOTHUB_MODULE_CONNECTION_STRING");
using var client = ModuleClient.CreateFromConnectionString(text, TransportType.Mqtt);
await client.OpenAsync();
var twin = await client.GetTwinAsync();
Console.WriteLine("desired: " + twin.Properties.Desired.ToJson());
var reported = new TwinCollection();
reported["language"] = ".NET";
await client.UpdateReportedPropertiesAsync(reported);
await client.CloseAsync();
