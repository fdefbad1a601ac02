import { Toast, ToastTitle, Toaster, useId, useToastController } from "@fluentui/react-components";
import { type ReactNode, createContext, useCallback, useContext } from "react";

type Notify = (text: string, intent?: "success" | "error" | "info") => void;

const NotifyContext = createContext<Notify>(() => undefined);

/** Short notes of what was done; they go by themselves and are read out. */
export function Toasts({ children }: { readonly children: ReactNode }) {
  const id = useId("toaster");
  const { dispatchToast } = useToastController(id);
  const notify = useCallback<Notify>(
    (text, intent = "success") => {
      dispatchToast(
        <Toast>
          <ToastTitle>{text}</ToastTitle>
        </Toast>,
        { intent, timeout: 3_500, position: "bottom-end" },
      );
    },
    [dispatchToast],
  );
  return (
    <NotifyContext value={notify}>
      {children}
      <Toaster toasterId={id} />
    </NotifyContext>
  );
}

export function useNotify(): Notify {
  return useContext(NotifyContext);
}
