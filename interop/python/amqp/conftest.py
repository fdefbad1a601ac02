import pytest
from peer import Peer


@pytest.fixture(params=["plain", "put-token"])
def peer(subject, request):
    """A connection as the subject, proven by SASL PLAIN or by put-token on `$cbs`."""
    opened = Peer.as_identity(subject, by=request.param)
    yield opened
    opened.close()
