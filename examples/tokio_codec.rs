//! Masks a secret between an asynchronous reader and writer, as a codec of `tokio_util`:
//!
//! ```sh
//! cargo run --example tokio_codec --features tokio
//! ```

use std::error::Error;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use hushlog::io::{EndOfStream, RedactDecoder, RedactEncoder};
use hushlog::{NeedleSet, Redactor, Secret};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{FramedRead, FramedWrite};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let output = respond(&b"user=app token=sk-live-4f9QzX\n"[..], Vec::new()).await?;
    print!("{}", String::from_utf8(output)?);
    Ok(())
}

/// Reads a request, and writes a log of it. Either side alone would mask it; a program takes the
/// one where its secrets pass.
async fn respond<R, W>(request: R, log: W) -> Result<W, Box<dyn Error>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let secret = Secret::new("API_TOKEN", b"sk-live-4f9QzX".to_vec());
    let set = Arc::new(NeedleSet::builder().secret(secret).build()?);
    let mut request = FramedRead::new(request, RedactDecoder::new(Redactor::new(Arc::clone(&set))));
    let mut log = FramedWrite::new(log, RedactEncoder::new(Redactor::new(set)));
    log.send("request with sk-live-4f9QzX: ").await?;
    // A frame is a part of the masked text, and its boundaries have no meaning.
    while let Some(frame) = request.next().await {
        log.send(frame?).await?;
    }
    // What could still become a secret goes out now.
    log.send(EndOfStream).await?;
    Ok(log.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_directions_are_masked() {
        let request = &b"user=app token=sk-live-4f9QzX\n"[..];
        let output = respond(request, Vec::new()).await.unwrap();
        let expected = "request with [REDACTED:API_TOKEN]: user=app token=[REDACTED:API_TOKEN]\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}
