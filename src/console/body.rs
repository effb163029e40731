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
pub(super) const TIME_MAX: Duration = Duration::from_secs(20);

/// Reads a body within this time. The buffer does not grow, so no copy is left behind.
pub(super) async fn read(
    time_max: Duration,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Zeroizing<Vec<u8>>, StatusCode> {
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
            if read.len() + data.len() > len {
                return Err(StatusCode::BAD_REQUEST);
            }
            read.extend_from_slice(&data);
        }
        Ok(())
    };
    timeout(time_max, all).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
    if read.len() == len { Ok(read) } else { Err(StatusCode::BAD_REQUEST) }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::{Context, Poll, ready};

    use axum::body::Bytes;
    use axum::http::HeaderValue;
    use hyper::body::Frame;
    use tokio::runtime::Builder;
    use tokio::time::{Interval, interval};

    use super::*;

    /// A body that sends a byte with each tick, and does not end.
    struct Slow(Interval);

    impl hyper::body::Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            ready!(self.0.poll_tick(cx));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[test]
    fn a_client_that_sends_a_byte_at_a_time_is_cut_off() {
        let mut headers = HeaderMap::new();
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut sent = |len: &'static str, time_max| {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static(len));
            runtime.block_on(async {
                let slow = Slow(interval(Duration::from_millis(1)));
                read(time_max, &headers, Body::new(slow)).await.map(|read| read.len())
            })
        };
        assert_eq!(sent("1000000", Duration::from_millis(50)), Err(StatusCode::REQUEST_TIMEOUT));
        // Each byte comes in time, and one more than announced is refused.
        assert_eq!(sent("3", Duration::from_secs(60)), Err(StatusCode::BAD_REQUEST));
    }
}
