"""An application for load: answers every call and plays to it until the caller hangs up.

It holds one stream of events at one gateway, and goes on at the next gateway, from the last event it saw, when that one is gone.
Every request has an id of its own and is repeated with it elsewhere until it is answered: done twice it would be done once.
"""
import json
import os
import queue
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

GATEWAYS = os.environ["GATEWAYS"].split()
HEADERS = {"Authorization": "Bearer " + os.environ["APPLICATION_KEY"], "Content-Type": "application/json"}
WORKERS = 8
tasks = queue.Queue()
counts = {"answered": 0, "released": 0, "refused": 0}
current = 0
seen = set()
addresses = {}


def say(*words):
    """A line at once and as a whole: engines keep a container's log by what is written together."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def at(gateway):
    """The gateway's URL by its address: looked up once, and again when that did not answer. A name service that is slow keeps no caller waiting."""
    if gateway not in addresses:
        url = urllib.parse.urlsplit(gateway)
        port = url.port or 80
        addresses[gateway] = f"http://{socket.getaddrinfo(url.hostname, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]}:{port}"
    return addresses[gateway]


def ask(method, **params):
    """Asks until there is an answer that stands: a gateway that is gone, 503 and 504 are no such answer."""
    body = json.dumps({"jsonrpc": "2.0", "id": str(uuid.uuid4()), "method": method, "params": params}).encode()
    for attempt in range(20):
        gateway = GATEWAYS[(current + attempt) % len(GATEWAYS)]
        try:
            with urllib.request.urlopen(urllib.request.Request(at(gateway) + "/v2/rpc", body, HEADERS), timeout=5) as response:
                answer = json.load(response)
            error = answer.get("error")
            if error is None or error["code"] not in (429, 503, 504):
                return error
        except (OSError, ValueError):
            addresses.pop(gateway, None)
        time.sleep(0.25)
    return {"code": 504, "message": "no gateway answered"}


def work():
    while True:
        method, params = tasks.get()
        error = ask(method, **params)
        # 404 and 409: the caller was faster.
        if error is not None and error["code"] not in (404, 409):
            counts["refused"] += 1
            say(method, params["res_id"], error)


def handle(event):
    call = event["meta"]["res_id"]
    match event["method"]:
        case "sys.call.on_incoming":
            tasks.put(("sys.call.answer", {"res_id": call, "max_answer_seconds": 300}))
        case "sys.call.on_answer_completed" if event["params"].get("error") is None:
            counts["answered"] += 1
            tasks.put(("sys.call.play_start", {"res_id": call, "content": "en-US/demo-welcome.wav", "repeat": 50}))
        case "sys.call.on_released":
            counts["released"] += 1


def follow(gateway, cursor):
    """Reads events until the stream ends; answers the last cursor."""
    headers = dict(HEADERS, **({"Last-Event-ID": cursor} if cursor else {}))
    with urllib.request.urlopen(urllib.request.Request(at(gateway) + "/v2/events", headers=headers), timeout=30) as stream:
        say("events from", gateway)
        for line in stream:
            if not line.startswith(b"data:"):
                continue
            event = json.loads(line[5:])
            cursor = event["meta"]["cursor"]
            # At least once: what came again is known by its resource and number.
            mark = (event["meta"]["res_id"], event["meta"]["seq"])
            if mark in seen:
                continue
            if len(seen) > 100_000:
                seen.clear()
            seen.add(mark)
            handle(event)
            yield cursor


def report():
    while True:
        time.sleep(10)
        say(" ".join(f"{name} {count}" for name, count in counts.items()))


def main():
    global current
    threading.Thread(target=report, daemon=True).start()
    for _ in range(WORKERS):
        threading.Thread(target=work, daemon=True).start()
    cursor = None
    while True:
        try:
            for cursor in follow(GATEWAYS[current], cursor):
                pass
        except urllib.error.HTTPError as failure:
            say(GATEWAYS[current], failure)
            # 410: the cursor is too old to go on from.
            if failure.code == 410:
                cursor = None
        except (OSError, ValueError) as failure:
            say(GATEWAYS[current], failure)
        addresses.pop(GATEWAYS[current], None)
        current = (current + 1) % len(GATEWAYS)
        time.sleep(0.5)


main()
