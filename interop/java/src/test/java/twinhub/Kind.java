package twinhub;

enum Kind {
  DEVICE,
  MODULE
}
