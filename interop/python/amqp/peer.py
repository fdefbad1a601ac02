"""AMQP 1.0 with Apache Qpid Proton: another implementation than any in the Azure SDKs."""

import uuid

from azure.iot.hub.sastoken import SasToken
from hub import CA_FILE
from proton import Delivery, Message, SSLDomain, symbol
from proton.reactor import LinkOption
from proton.utils import BlockingConnection

SECONDS = 60


class Unsettled(LinkOption):
    """The hub settles each message, so that its answer is seen."""

    def apply(self, link):
        link.snd_settle_mode = link.SND_UNSETTLED


def connect(host, **credentials):
    tls = SSLDomain(SSLDomain.MODE_CLIENT)
    tls.set_trusted_ca_db(CA_FILE)
    # The chain alone: Proton compares host names with the certificate, but not addresses.
    tls.set_peer_authentication(SSLDomain.VERIFY_PEER, CA_FILE)
    return BlockingConnection(
        f"amqps://{host}:5671", timeout=SECONDS, ssl_domain=tls, heartbeat=30, **credentials
    )


class Peer:
    def __init__(self, connection, path):
        self._connection = connection
        self.path = path

    @classmethod
    def as_identity(cls, subject, by):
        module = f"/modules/{subject.module_id}" if subject.module_id else ""
        path = f"/devices/{subject.device_id}{module}"
        audience = subject.host + path
        token = str(SasToken(audience, subject.key))
        if by == "plain":
            user = f"{subject.device_id}{module}@sas.{subject.host}"
            credentials = {"user": user, "password": token, "allowed_mechs": "PLAIN"}
            return cls(connect(subject.host, **credentials), path)
        peer = cls(connect(subject.host, allowed_mechs="ANONYMOUS"), path)
        status = peer.put_token(audience, token)
        assert status == 200, f"put-token answered {status}"
        return peer

    @classmethod
    def as_service(cls, hub):
        user = f"{hub.policy}@sas.root.{hub.host}"
        token = str(hub.token())
        return cls(connect(hub.host, user=user, password=token, allowed_mechs="PLAIN"), "")

    def put_token(self, audience, token):
        """Presents a token; gives back the status of the hub's answer."""
        answers = self.receiver("$cbs")
        request = Message(
            id=str(uuid.uuid4()),
            body=token,
            properties={
                "operation": "put-token",
                "type": "servicebus.windows.net:sastoken",
                "name": audience,
            },
        )
        self.send("$cbs", request)
        answer = answers.receive()
        assert answer.correlation_id == request.id
        return answer.properties["status-code"]

    def sender(self, address):
        return self._connection.create_sender(address, options=Unsettled())

    def send(self, address, message):
        """Sends one message; gives back the hub's outcome."""
        return self.sender(address).send(message, error_states=[]).remote_state

    def receiver(self, address):
        return self._connection.create_receiver(address, credit=10)

    def close(self):
        self._connection.close()


class TwinLinks:
    """The two links of a twin; an answer is found by its correlation id."""

    def __init__(self, peer):
        address = f"{peer.path}/twin"
        self._answers = peer.receiver(address)
        self._requests = peer.sender(address)

    def ask(self, operation, resource=None, body=b""):
        """The message with which the hub answers."""
        annotations = {symbol("operation"): operation}
        if resource is not None:
            annotations[symbol("resource")] = resource
        correlation_id = str(uuid.uuid4())
        request = Message(body=body, correlation_id=correlation_id, annotations=annotations)
        outcome = self._requests.send(request).remote_state
        assert outcome == Delivery.ACCEPTED
        answer = self.next()
        assert answer.correlation_id == correlation_id
        return answer

    def next(self):
        """The next answer or change; the hub sends both settled."""
        return self._answers.receive()
