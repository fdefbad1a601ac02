package twinhub;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** What a client hears, in order, each thing to be taken once. */
final class Inbox<T> {
  private final LinkedBlockingQueue<T> arrived = new LinkedBlockingQueue<>();

  void add(T thing) {
    arrived.add(thing);
  }

  /** The next thing, now or when it comes; fails after some seconds. */
  T next() throws InterruptedException {
    T thing = arrived.poll(60, TimeUnit.SECONDS);
    if (thing == null) {
      throw new AssertionError("waited 60 s in vain");
    }
    return thing;
  }
}
