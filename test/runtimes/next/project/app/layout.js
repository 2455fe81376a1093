// Next takes the default export.
// oxlint-disable-next-line import/no-default-export
export default function Layout({ children }) {
  return (
    <html>
      <body>{children}</body>
    </html>
  );
}
