/** As much of tus-js-client as bench/proof-upload.ts uses. The package may not be installed. */
export interface TusClient {
  readonly Upload: new (file: unknown, options: TusOptions) => TusUpload;
  readonly FileUrlStorage: new (path: string) => object;
}

interface TusOptions {
  readonly endpoint: string;
  readonly urlStorage?: object;
  readonly onError: (error: unknown) => void;
  readonly onSuccess: () => void;
}

interface TusUpload {
  readonly url: string | null;
  findPreviousUploads(): Promise<readonly object[]>;
  resumeFromPreviousUpload(previous: object): void;
  start(): void;
}
