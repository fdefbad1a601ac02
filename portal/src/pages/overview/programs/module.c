/* pem: the text of twinhub-ca.pem */
IOTHUB_MODULE_CLIENT_LL_HANDLE client =
    IoTHubModuleClient_LL_CreateFromConnectionString(connectionString, MQTT_Protocol);
IoTHubModuleClient_LL_SetOption(client, OPTION_TRUSTED_CERT, pem);
