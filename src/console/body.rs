//! The body of a request, in locked and wiped memory of the size that the request announces.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, StatusCode};
use hyper::body::Body as _;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::sys::locked;

/// The longest body, in bytes.
pub(super) const LEN_MAX: usize = 1 << 20;
/// The time limit for a body.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Reads a body. The buffer does not grow, so no copy is left behind.
pub(super) async fn read(headers: &HeaderMap, mut body: Body) -> Result<Zeroizing<Vec<u8>>, StatusCode> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(StatusCode::LENGTH_REQUIRED);
    }
    let len = headers.get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<usize>().ok());
    let len = len.ok_or(StatusCode::LENGTH_REQUIRED)?;
    if len > LEN_MAX {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut read = locked::buffer(len);
    let all = async {
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let data = frame.ok().and_then(|frame| frame.into_data().ok()).ok_or(StatusCode::BAD_REQUEST)?;
            // The library frees its buffer with the connection.
            locked::lock(&data);
            if read.len() + data.len() > len {
                return Err(StatusCode::BAD_REQUEST);
            }
            read.extend_from_slice(&data);
        }
        Ok(())
    };
    timeout(TIME_MAX, all).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
    if read.len() == len { Ok(read) } else { Err(StatusCode::BAD_REQUEST) }
}
