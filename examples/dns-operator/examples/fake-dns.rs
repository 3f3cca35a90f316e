//! A DNS service in memory, to try the operator with: `cargo run --example fake-dns`, and `rop run` beside it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dns_operator::dns::fake::FakeDns;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = FakeDns::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 8053))).await?;
    println!("serving DNS records at {}", service.url());
    let mut shown = Vec::new();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let entries = service.entries();
        if entries != shown {
            println!("{}", serde_json::to_string(&entries)?);
            shown = entries;
        }
    }
}
