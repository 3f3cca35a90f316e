//! A DNS service in memory: for the tests, and to try the operator (`cargo run --example fake-dns`).

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::any;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Entry;
use crate::api::dns::v1alpha1::record::RecordType;

/// How the service feels.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mood {
    /// It does what it is asked.
    #[default]
    Fine,
    /// It answers all requests with this code.
    Answer(u16),
    /// It takes requests and does not answer.
    Silent,
}

/// A DNS service that runs until it is dropped.
pub struct FakeDns {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Zone {
    entries: BTreeMap<String, Entry>,
    mood: Mood,
    writes: Vec<String>,
}

impl FakeDns {
    /// Starts a service on a free port of this machine.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a service at an address.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let zone = Arc::default();
        let app = Router::new().route("/records/{id}", any(answer)).with_state(Arc::clone(&zone));
        let server = tokio::spawn(async move {
            // It ends with an error never, and else when it is aborted.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, zone, server })
    }

    fn zone(&self) -> MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns where the service is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how the service feels.
    pub fn set_mood(&self, mood: Mood) {
        self.zone().mood = mood;
    }

    /// Returns all records.
    pub fn entries(&self) -> Vec<Entry> {
        self.zone().entries.values().cloned().collect()
    }

    /// Keeps a record for somebody else, or changes one behind the operator's back.
    pub fn meddle(&self, change: impl FnOnce(&mut BTreeMap<String, Entry>)) {
        change(&mut self.zone().entries);
    }

    /// Returns the writes since the last call, such as `PUT www.example.com`, those that failed as well.
    pub fn take_writes(&self) -> Vec<String> {
        std::mem::take(&mut self.zone().writes)
    }

    /// Stops the service, and waits until nobody listens any more.
    pub async fn stop(mut self) {
        self.server.abort();
        // It was aborted, which is what its end says.
        let _ = (&mut self.server).await;
    }
}

impl Drop for FakeDns {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(zone): State<Arc<Mutex<Zone>>>,
    method: Method,
    Path(id): Path<String>,
    body: Bytes,
) -> (StatusCode, String) {
    let answered = zone.lock().unwrap_or_else(PoisonError::into_inner).answer(&method, &id, &body);
    match answered {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

impl Zone {
    /// Returns the answer to a request; none at all when the service is silent.
    fn answer(&mut self, method: &Method, id: &str, body: &[u8]) -> Option<(StatusCode, String)> {
        if method != Method::GET {
            self.writes.push(format!("{method} {}", self.described(id, body)));
        }
        match self.mood {
            Mood::Fine => Some(self.serve(method, id, body)),
            Mood::Answer(code) => Some(said(StatusCode::from_u16(code).unwrap_or_default(), "as the test asked")),
            Mood::Silent => None,
        }
    }

    fn described(&self, id: &str, body: &[u8]) -> String {
        let entry = serde_json::from_slice(body).ok().or_else(|| self.entries.get(id).cloned());
        entry.map_or_else(|| "unknown".to_owned(), |entry: Entry| entry.name)
    }

    fn serve(&mut self, method: &Method, id: &str, body: &[u8]) -> (StatusCode, String) {
        match *method {
            Method::GET => match self.entries.get(id) {
                Some(entry) => (StatusCode::OK, json!(entry).to_string()),
                None => said(StatusCode::NOT_FOUND, "there is no such record"),
            },
            Method::PUT => self.put(id, body),
            Method::DELETE => match self.entries.remove(id) {
                Some(_) => (StatusCode::NO_CONTENT, String::new()),
                None => said(StatusCode::NOT_FOUND, "there is no such record"),
            },
            _ => said(StatusCode::METHOD_NOT_ALLOWED, "GET, PUT or DELETE"),
        }
    }

    fn put(&mut self, id: &str, body: &[u8]) -> (StatusCode, String) {
        let Ok(entry) = serde_json::from_slice::<Entry>(body) else {
            return said(StatusCode::BAD_REQUEST, "this is no record");
        };
        let is_address = |value: &String| value.parse::<Ipv4Addr>().is_ok();
        if entry.type_ == RecordType::A && !entry.values.iter().all(is_address) {
            return said(StatusCode::UNPROCESSABLE_ENTITY, "the values of an A record are IPv4 addresses");
        }
        let taken =
            |(other, kept): (&String, &Entry)| other != id && (&kept.name, kept.type_) == (&entry.name, entry.type_);
        if self.entries.iter().any(taken) {
            return said(StatusCode::CONFLICT, &format!("{} is taken", entry.name));
        }
        self.entries.insert(id.to_owned(), entry);
        (StatusCode::NO_CONTENT, String::new())
    }
}

fn said(status: StatusCode, message: &str) -> (StatusCode, String) {
    (status, json!({"message": message}).to_string())
}
