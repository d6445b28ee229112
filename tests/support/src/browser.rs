//! A real Chromium without a window, told what to do by the DevTools protocol over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Directory, PATIENCE, command, install};

/// A window with one page.
pub struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    session: Value,
    sent: u64,
    _profile: Directory,
}

impl Browser {
    /// Starts one with an empty page.
    pub fn start() -> Browser {
        install(&["chromium-headless-shell:chromium-headless-shell"]);
        let profile = Directory::new();
        // It takes commands from descriptor 3, and answers to 4. A sandbox of its own is refused to root.
        let line = format!(
            "exec chromium-headless-shell --remote-debugging-pipe --no-sandbox --disable-gpu \
             --disable-dev-shm-usage --user-data-dir={} 3<&0 4>&1 1>&2",
            profile.path().display()
        );
        let mut child = command("sh")
            .args(["-c", &line])
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("JSON");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let session = Value::Null;
        let mut browser = Browser { child, input, messages, session, sent: 0, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", &target)["sessionId"].clone();
        browser
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": parameters});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        write!(self.input, "{message}\0").expect("Chromium runs");
        loop {
            let reply = self.messages.recv_timeout(PATIENCE).expect("an answer from Chromium");
            if reply["id"] == self.sent {
                assert!(reply.get("error").is_none(), "{method}: {reply}");
                return reply["result"].clone();
            }
        }
    }

    /// Gives the window a size in pixels.
    pub fn resize(&mut self, width: u32, height: u32) {
        let parameters = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600
        });
        self.call("Emulation.setDeviceMetricsOverride", &parameters);
    }

    pub fn open(&mut self, url: &str) {
        let reply = self.call("Page.navigate", &json!({"url": url}));
        assert!(reply.get("errorText").is_none(), "{url}: {reply}");
    }

    /// The value of an expression in JavaScript, evaluated on the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let reply = self.call("Runtime.evaluate", &parameters);
        assert!(reply.get("exceptionDetails").is_none(), "{expression}: {reply}");
        reply["result"]["value"].clone()
    }

    /// What the window shows, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let reply = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        BASE64_STANDARD.decode(reply["data"].as_str().expect("a picture")).expect("base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its processes end with the first one, to which the shell gave way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
