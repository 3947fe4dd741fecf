metadata name = 'Clouds'
metadata description = 'What the function environment() does not tell of a cloud.'

@export()
@description('Ends of the names of namespaces of Event Hubs by cloud; `servicebus.windows.net` in all others.')
var eventHubSuffixes = {
  AzureChinaCloud: 'servicebus.chinacloudapi.cn'
  AzureUSGovernment: 'servicebus.usgovcloudapi.net'
}
